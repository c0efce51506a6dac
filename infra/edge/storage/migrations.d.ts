// Wrangler bundles files of SQL as texts.
declare module '*.sql' {
  const text: string;
  export default text;
}
