// DeepSeek: calls between special tokens. V3 and R1 write the arguments as a block of code, V3.1 writes them alone.
import { hasAll, isHunyuan, type KnownSyntax } from './known-syntax.ts';

export const deepseek: KnownSyntax = {
  name: 'DeepSeek',
  title: '<｜tool▁calls▁begin｜> (DeepSeek V3, R1 and V3.1)',
  find: (template) => {
    const tags = hasAll(template, '<｜tool▁calls▁begin｜>', '<｜tool▁call▁begin｜>', '<｜tool▁sep｜>');
    if (!tags || isHunyuan(template)) return undefined;
    const block = template.source.includes('```json');
    return {
      marker: '<｜tool▁calls▁begin｜>',
      begin: '<｜tool▁calls▁begin｜>',
      beforeName: block ? '<｜tool▁call▁begin｜>function<｜tool▁sep｜>' : '<｜tool▁call▁begin｜>',
      name: 'plain',
      beforeArguments: block ? '\n```json\n' : '<｜tool▁sep｜>',
      arguments: { form: 'json' },
      afterArguments: block ? '\n```<｜tool▁call▁end｜>' : '<｜tool▁call▁end｜>',
      between: block ? '\n' : '',
      end: '<｜tool▁calls▁end｜>',
    };
  },
};
