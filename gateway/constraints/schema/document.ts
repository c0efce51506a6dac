// Resolves the references in a schema: identifiers and anchors (JSON Schema core 8.2), and pointers (RFC 6901). Identifiers and
// anchors may use the keywords of any draft.
import { ConstraintFault } from '../fault.ts';
import { locationsOf } from './keywords.ts';
import { isObject, resolve, type SchemaNode, step } from './pointer.ts';

interface Place {
  /** Path from the root, as in errors: `.properties.a`. */
  path: string;
  /** Base against which the schema's references are resolved. */
  base: string;
}

/** Base of a schema without an identifier. RFC 2606 reserves names that end in `.invalid`, so the address never leads anywhere. */
const NOWHERE = 'https://schema.invalid/';
/** Largest number of schemas in one document. */
const MOST_SCHEMAS = 50_000;
/** Largest depth to which schemas may be nested. */
const DEEPEST = 100;

export class Document {
  readonly #root: unknown;
  readonly #places = new Map<SchemaNode, Place>();
  /** Schemas by address. An address is an identifier, or a base with an anchor as its fragment. */
  readonly #addresses = new Map<string, SchemaNode>();

  /** Throws a ConstraintFault if there are too many schemas or they are nested too deeply. */
  constructor(root: unknown) {
    this.#root = root;
    if (isObject(root)) {
      this.#addresses.set(NOWHERE, root);
      this.#index(root, { path: '', base: NOWHERE }, 0);
    }
  }

  /** Path of a schema of this document. */
  path(node: SchemaNode): string {
    return this.#places.get(node)?.path ?? '';
  }

  /** The target of a schema's `$ref`: true, false or a schema. Throws a ConstraintFault if there is none. */
  follow(reference: string, from: SchemaNode): boolean | SchemaNode {
    const at = `${this.path(from)}.$ref`;
    const found = this.#find(reference, from);
    if (typeof found === 'boolean') return found;
    if (!isObject(found)) {
      const why = reference.startsWith('#')
        ? 'leads to no schema'
        : 'leads out of this schema: put its target into $defs';
      throw new ConstraintFault(`the reference ${JSON.stringify(reference)} ${why}`, at);
    }
    if (!this.#places.has(found)) {
      // No supported keyword leads to the target. It may be, for example, within a keyword that the schema's author has invented.
      const [, ...steps] = reference.slice(reference.indexOf('#') + 1).split('/');
      const path = steps.map(step).join('');
      this.#index(found, { path, base: this.#places.get(from)?.base ?? NOWHERE }, 0);
    }
    return found;
  }

  #find(reference: string, from: SchemaNode): unknown {
    const base = this.#places.get(from)?.base ?? NOWHERE;
    const address = absolute(reference, base);
    const [resource = '', fragment = ''] = address?.split('#') ?? [];
    if (fragment !== '' && !fragment.startsWith('/')) return this.#addresses.get(`${resource}#${fragment}`);
    const root = this.#addresses.get(resource);
    const found = root === undefined ? undefined : resolve(fragment, root);
    if (found !== undefined) return found;
    // Many clients write identifiers that are not meant as addresses. If a pointer leads nowhere below such an identifier, it
    // is resolved again, from the root of the whole document. Some clients omit the #.
    const pointer = /^#?(\/.*)$/.exec(reference)?.[1];
    return pointer === undefined ? undefined : resolve(pointer, this.#root);
  }

  #index(node: SchemaNode, place: Place, depth: number): void {
    if (this.#places.has(node)) return;
    if (depth > DEEPEST)
      throw new ConstraintFault(`schemas are nested more than ${DEEPEST} deep`, place.path);
    if (this.#places.size >= MOST_SCHEMAS) {
      throw new ConstraintFault(`it contains more than ${MOST_SCHEMAS} schemas`);
    }
    if (place.path !== '' && '$ref' in node && ('$id' in node || 'id' in node)) {
      // Up to draft 7, an identifier beside `$ref` is ignored. From 2019-09 on, the reference is resolved against the identifier.
      throw new ConstraintFault(
        'an identifier beside a reference means different things in different drafts',
        place.path,
      );
    }
    const base = this.#identified(node, place.base);
    this.#places.set(node, { path: place.path, base });
    for (const { schema, path } of locationsOf(node)) {
      if (isObject(schema)) this.#index(schema, { path: place.path + path, base }, depth + 1);
    }
  }

  /** Records the addresses of a schema and returns its base. */
  #identified(node: SchemaNode, outer: string): string {
    let base = outer;
    for (const id of [node.$id, node.id]) {
      const address = typeof id === 'string' ? absolute(id, outer) : undefined;
      if (address === undefined) continue;
      const [resource = '', fragment = ''] = address.split('#');
      if (fragment !== '') this.#addresses.set(address, node);
      else {
        this.#addresses.set(resource, node);
        base = resource;
      }
    }
    for (const anchor of [node.$anchor, node.$dynamicAnchor]) {
      if (typeof anchor === 'string') this.#addresses.set(`${base}#${anchor}`, node);
    }
    return base;
  }
}

/** Undefined if the reference is not an address. */
function absolute(reference: string, base: string): string | undefined {
  try {
    return new URL(reference, base).href;
  } catch {
    return undefined; // clients also write texts that are no addresses into identifiers
  }
}
