// The syntax tree of a template, as the parser of @huggingface/jinja returns it.

export type Node =
  | Named<'Program', { body: Node[] }>
  | Named<'If', { test: Node; body: Node[]; alternate: Node[] }>
  | Named<'For', { loopvar: Node; iterable: Node; body: Node[]; defaultBlock: Node[] }>
  | Named<'Break' | 'Continue' | 'Comment', object>
  | Named<'Set', { assignee: Node; value: Node | null; body: Node[] }>
  | Named<'Macro', { name: IdentifierNode; args: Node[]; body: Node[] }>
  | Named<'CallStatement', { call: CallNode; callerArgs: Node[] | null; body: Node[] }>
  | Named<'FilterStatement', { filter: IdentifierNode | CallNode; body: Node[] }>
  | Named<'MemberExpression', { object: Node; property: Node; computed: boolean }>
  | CallNode
  | IdentifierNode
  | Named<'IntegerLiteral' | 'FloatLiteral', { value: number }>
  | Named<'StringLiteral', { value: string }>
  | Named<'ArrayLiteral' | 'TupleLiteral', { value: Node[] }>
  | Named<'ObjectLiteral', { value: Map<Node, Node> }>
  | Named<'BinaryExpression', { operator: { value: string }; left: Node; right: Node }>
  | Named<'UnaryExpression', { operator: { value: string }; argument: Node }>
  | Named<'FilterExpression', { operand: Node; filter: IdentifierNode | CallNode }>
  | Named<'TestExpression', { operand: Node; negate: boolean; test: IdentifierNode }>
  | Named<'SelectExpression', { lhs: Node; test: Node }>
  | Named<'Ternary', { condition: Node; trueExpr: Node; falseExpr: Node }>
  | Named<'SliceExpression', { start?: Node; stop?: Node; step?: Node }>
  | Named<'KeywordArgumentExpression', { key: IdentifierNode; value: Node }>
  | Named<'SpreadExpression' | 'KeywordSpreadExpression', { argument: Node }>;

export type IdentifierNode = Named<'Identifier', { value: string }>;
export type CallNode = Named<'CallExpression', { callee: Node; args: Node[] }>;
export type NodeOf<Type extends Node['type']> = Extract<Node, { type: Type }>;

type Named<Type extends string, Fields> = Type extends string ? { type: Type } & Fields : never;

/** The node's direct children. */
export function childrenOf(node: Node): Node[] {
  return Object.entries(node).flatMap(([field, part]: [string, unknown]) => {
    // The operator has a `type` but is a token, not a node.
    if (field === 'operator') return [];
    if (part instanceof Map) return [...part].flat().filter(isNode);
    return (Array.isArray(part) ? part : [part]).filter(isNode);
  });
}

/** The text of a name or of a string. Undefined for other nodes. */
export function nameOf(node: Node): string | undefined {
  return node.type === 'Identifier' || node.type === 'StringLiteral' ? node.value : undefined;
}

function isNode(part: unknown): part is Node {
  return typeof part === 'object' && part !== null && 'type' in part;
}
