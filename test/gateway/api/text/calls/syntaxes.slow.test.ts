// Runs the case suite of the syntaxes of tool calls with many random texts.
import { callModels } from '../../../../support/models/call-models.ts';
import { describeSyntax } from './suite.ts';

for (const model of callModels) {
  for (const special of [true, false]) describeSyntax(model, { special, effort: 5 });
}
