// Plans POST /v1/chat/completions, and the other endpoints that answer a conversation.
import type { ConstraintSpec } from '../../constraints/specification.ts';
import { chatWire } from '../answers/messages/chat-format.ts';
import type { SectionRules } from '../answers/messages/sections.ts';
import { type PromptScores, promptLogprobsOf, promptScores } from '../answers/prompt-logprobs.ts';
import type { Plan } from '../answers/respond.ts';
import type { ApiContext, RequestContext } from '../context.ts';
import { badRequest } from '../errors.ts';
import { choicesOf } from '../requests/choices.ts';
import type { ChatRequest } from '../requests/fields/schema.ts';
import {
  allowance,
  askedTokens,
  cannotFit,
  cutPrompt,
  limitsOfCut,
  MOST_COUNTED,
  mostBytes,
  refuseHopeless,
  type TextLimits,
} from '../requests/prompts.ts';
import { allowedIds, shownSpecials } from '../requests/sampling.ts';
import { type Asked, answerConstraint, honoured } from '../requests/structured.ts';
import { type ToolUse, toolUseOf } from '../requests/tool-use.ts';
import { openChannel } from '../text/calls/open-channel.ts';
import { type TemplateCalls, templateCalls } from '../text/calls/template-calls.ts';
import { endingOf, templateDocuments, templateMessages, templateVariables } from '../text/chat-messages.ts';
import type { ChatTemplate, Conversation } from '../text/template.ts';
import {
  idleThinking,
  type ThinkingTags,
  thinkingBudget,
  thinkingConstraint,
  thinkingState,
  thinkingTagsOf,
  thinkingVariables,
} from '../text/thinking.ts';

export interface ChatPlan extends Plan {
  /** Rules by which the text of an answer is divided into thinking, content and tool calls. */
  rules: SectionRules;
}

/** Throws a 400 that names the invalid field. */
export async function planChat(request: ChatRequest, context: RequestContext): Promise<ChatPlan> {
  const { engine, tokenizer, limits } = context;
  const { info } = engine;
  const asked = askedTokens(request);
  const logprobs = logprobsOf(request);
  const read = await readChat(request, context, limitsOfCut(request));
  const prompt = cutPrompt(read.prompt, request, { asked, info });
  const maxTokens = allowance(prompt.length, 'messages', { asked, fallback: info.context, info });
  const { rules, ...constrained } = rulesOf(read, request, context);
  const ids = request.return_token_ids === true;
  const promptLogprobs = promptLogprobsOf(request);
  let scores: PromptScores | undefined;
  const { made, selection } = choicesOf(request, 1, limits);
  return {
    request,
    prompts: [{ prompt, maxTokens }],
    ...{ made, selection },
    echo: false,
    // The best answers are found by their log-probabilities.
    logprobs: logprobs ?? (selection && 0),
    ...(promptLogprobs !== undefined && {
      promptLogprobs,
      onScored: (_, given) => {
        scores = promptScores(prompt, given, tokenizer);
      },
    }),
    ...(ids && { promptIds: prompt }),
    ...constrained,
    noEffect: idleThinking(request, read.tags),
    asked: read.asked,
    rules,
    wire: chatWire({
      request,
      rules,
      tokenizer,
      logprobs: logprobs !== undefined,
      ids,
      ...(promptLogprobs !== undefined && { scores: () => scores }),
    }),
  };
}

/**
 * Number of tokens in the prompt, which may exceed the context. If the prompt is invalid, throws the error that `planChat` would throw.
 * If a constraint of the answer is invalid, throws the error that the generation would throw.
 */
export async function countChat(request: ChatRequest, context: RequestContext): Promise<number> {
  const { prompt, answer, asked } = await readChat(request, context, { takes: MOST_COUNTED });
  const { tenant, slices, signal } = context;
  const onTook = (ms: number) => slices.charge(tenant.name, ms);
  await honoured(answer, asked, { tenant: tenant.name ?? '', signal, onTook });
  return prompt.length;
}

interface ReadChat {
  prompt: number[];
  /** The prompt's text. */
  text: string;
  toolUse: ToolUse | undefined;
  /** How the model writes calls, if that is known. */
  calls: TemplateCalls | undefined;
  /** Constraint of the text after the thinking, or of all text if the model does not think. */
  answer: ConstraintSpec | undefined;
  tags: ThinkingTags | undefined;
  /** Largest number of tokens for thinking. Undefined: no limit. */
  budget: number | undefined;
  /** Specifications of the answer's form and of its tool calls. */
  asked: readonly Asked[];
}

/** Reads the fields that do not depend on the length of the context, and writes the prompt. */
async function readChat(
  request: ChatRequest,
  context: RequestContext,
  limits: TextLimits = {},
): Promise<ReadChat> {
  const { model } = context;
  const tools = (request.tools ?? []).length > 0;
  const template = templateOf(context, tools);
  const calls = templateCalls(template, context);
  const toolUse = toolUseOf(request, { template, calls, model: model.id });
  const tags = thinkingTagsOf(template.source);
  const budget = thinkingBudget(request, { tags, model: model.id });
  const conversation: Conversation = {
    messages: templateMessages(request.messages, template),
    tools: toolUse?.tools ?? [],
    documents: templateDocuments(request.documents, template),
    variables: { ...thinkingVariables(request), ...templateVariables(request.chat_template_kwargs) },
    ending: endingOf(request),
    time: context.created,
  };
  const { form: answer, asked: forms } = answerConstraint(request, toolUse?.constraint, calls);
  const asked = [...(toolUse === undefined ? [] : [toolUse.asked]), ...forms];
  const prompt = await written(conversation, tools, context, limits);
  return { ...prompt, toolUse, calls, answer, asked, tags, budget };
}

/** Token ids of the prompt for a conversation. Throws a 400 if there is no chat template, or if the template raises an error. */
export async function promptOfMessages(
  messages: ChatRequest['messages'],
  context: RequestContext,
): Promise<number[]> {
  const template = templateOf(context, false);
  const conversation: Conversation = {
    messages: templateMessages(messages, template),
    ending: endingOf({ messages }),
    time: context.created,
  };
  return (await written(conversation, false, context)).prompt;
}

function templateOf({ template, toolTemplate, model }: ApiContext, tools: boolean): ChatTemplate {
  const chosen = tools ? (toolTemplate ?? template) : template;
  if (chosen !== undefined) return chosen;
  const message = `The model '${model.id}' has no chat template; use the completions endpoint.`;
  throw badRequest(message, { param: 'messages', code: 'chat_template_missing' });
}

/** Throws a 400 with the template's own message if the template raises, as it does for conversations that it does not support. */
async function written(
  conversation: Conversation,
  tools: boolean,
  { tokenizer, text, engine }: RequestContext,
  limits: TextLimits = {},
): Promise<{ prompt: number[]; text: string }> {
  const { info } = engine;
  const fits = { longestToken: tokenizer.longestToken, info, ...limits };
  refuseHopeless(conversation.messages.map(({ content }) => content ?? '').join(''), 'messages', fits);
  const chat = await text.write(conversation, { tools, most: mostBytes(fits) });
  switch (chat.type) {
    case 'too_long':
      throw cannotFit(chat.bytes, 'messages', info);
    case 'refused':
      throw badRequest(`The chat template refused the messages: ${chat.why.slice(0, 1000)}`, {
        param: 'messages',
        code: 'chat_template_error',
      });
    case 'prompt':
      if (chat.ids.length > 0) return { prompt: Array.from(chat.ids), text: chat.text };
      throw badRequest("Invalid 'messages': the chat template writes no tokens for them.", {
        param: 'messages',
      });
  }
}

/** The rules for the text of the answers, and the constraint of that text. */
function rulesOf(
  { toolUse, calls, answer, tags, budget, text }: ReadChat,
  request: ChatRequest,
  { tokenizer, engine }: ApiContext,
): Pick<ChatPlan, 'rules' | 'constraint' | 'shown'> {
  const channels = calls?.syntax.channels;
  const open = channels && openChannel(text, channels);
  const rules: SectionRules = {
    ...(toolUse && { calls: { syntax: toolUse.constraint.syntax, tools: toolUse.constraint.tools } }),
    ...(channels && { channels: { channels, open } }),
  };
  const tagsOfCalls = toolUse !== undefined || channels !== undefined ? (calls?.shown ?? []) : [];
  const shown = (more: readonly number[]) => {
    const own = shownSpecials(request, tokenizer);
    return own ?? (tagsOfCalls.length + more.length > 0 ? new Set([...tagsOfCalls, ...more]) : undefined);
  };
  // A prompt that ends within the answer itself leaves no choice of a message.
  const within = open !== undefined && open !== channels?.thinking;
  const form = within && answer?.type === 'tool_calls' ? answer.content : answer;
  const state = tags === undefined || within ? 'closed' : thinkingState(text, tags);
  if (tags === undefined || state === 'closed') {
    return { rules, constraint: allowedIds(request, engine.info, form), shown: shown([]) };
  }
  const tagIds = [tags.begin, tags.end].map((tag) => tokenizer.idOf(tag));
  const special = tagIds.filter((id) => id !== undefined && tokenizer.specialName(id) !== undefined);
  const thinks = { tags, open: state === 'open', budget, tokenizer };
  return {
    rules: { ...rules, ...(channels === undefined && { thinking: { ...tags, open: state === 'open' } }) },
    constraint: allowedIds(request, engine.info, thinkingConstraint(form, thinks)),
    shown: shown(special.filter((id) => id !== undefined)),
  };
}

function logprobsOf({ logprobs, top_logprobs }: ChatRequest): number | undefined {
  if (logprobs === true) return top_logprobs ?? 0;
  if (typeof top_logprobs !== 'number' || top_logprobs === 0) return undefined;
  const message = "The 'top_logprobs' parameter is only allowed when 'logprobs' is enabled.";
  throw badRequest(message, { param: 'top_logprobs', code: 'invalid_parameter_combination' });
}
