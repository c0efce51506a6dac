// The version of everything that turns token ids into the events of an answer.

/**
 * To be raised whenever tokenizer, chat template, sampling, grammars or the parsing of answers write something else for the same
 * request. A gateway continues only streams of its own version, unless the caller allows another. test/gateway/api/resume/
 * text-version.test.ts fails if the written text changes and the version does not.
 */
export const TEXT_VERSION = 4;
