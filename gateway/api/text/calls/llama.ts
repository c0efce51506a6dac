// Llama 3 and 4: an answer that is a call, as JSON or as a list of Python calls. A special token may come before the calls.
import { jsonObject, type KnownSyntax, type TemplateText } from './known-syntax.ts';

/** The token before calls, if the model has one. */
function openerOf({ source, specials }: TemplateText, name: string): { marker: string; opener?: string } {
  const known = source.includes(name) || specials.includes(name);
  return known ? { marker: name, opener: name } : { marker: '' };
}

export const llamaJson: KnownSyntax = {
  name: 'Llama JSON',
  title: 'a JSON object of "name" and "parameters" (Llama 3 and 4)',
  find: (template) => {
    const { source } = template;
    const shown = /\{\\?"name\\?": ?[^"{}]*,\s*\\?"parameters\\?":/.test(source);
    // A template may write the keys of an earlier call in two expressions.
    const written =
      /\{\\?"name\\?": ?\\?"['"] ?[+~] ?[\w.]+\.name/.test(source) && /"parameters\\?": ?/.test(source);
    // InternLM writes such an object between tags.
    if ((!shown && !written) || source.includes('<|action_start|>')) return undefined;
    const token = source.includes('<|python_start|>') ? '<|python_start|>' : '<|python_tag|>';
    return {
      ...jsonObject({ name: 'name', arguments: 'parameters' }),
      ...openerOf(template, token),
      atStart: true,
      begin: '',
      between: '; ',
      end: '',
      // Most templates of Llama 3 raise an exception for an earlier turn with several calls.
      ...(/single tool-calls at once/.test(source) && { single: true as const }),
    };
  },
};

export const llamaPython: KnownSyntax = {
  name: 'Llama pythonic',
  title: 'a list of Python calls (Llama 3.2 and 4, pythonic)',
  find: (template) => {
    if (!/\[\w+\(\w+=/.test(template.source)) return undefined;
    return {
      ...openerOf(template, '<|python_start|>'),
      atStart: true,
      begin: '[',
      beforeName: '',
      name: 'plain',
      beforeArguments: '(',
      arguments: { form: 'python' },
      afterArguments: ')',
      between: ', ',
      end: ']',
    };
  },
};
