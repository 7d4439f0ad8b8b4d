/** @file HTML and SVG from text: what is not markup is escaped, always. */

/** Text that is markup already. */
export interface Markup {
  readonly markup: string;
}

type Part = Markup | string | number | undefined | false | readonly Part[];

/** A template whose values are escaped, save those that are markup; lists are joined, `undefined` and `false` vanish. */
export function fragment(texts: TemplateStringsArray, ...values: Part[]): Markup {
  const parts = texts.flatMap((text, index) => [text, index < values.length ? render(values[index]) : '']);
  return { markup: parts.join('') };
}

function render(value: Part): string {
  if (value === undefined || value === false) return '';
  if (typeof value === 'string' || typeof value === 'number') return escape(String(value));
  if ('markup' in value) return value.markup;
  return value.map(render).join('');
}

/** Text as it may stand in an element or an attribute. */
export function escape(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}

/** Markup from elsewhere (a chart). */
export const trusted = (markup: string): Markup => ({ markup });

/** JSON as it may stand in a script element. */
export const scriptJson = (value: unknown): Markup =>
  trusted(JSON.stringify(value).replaceAll('<', '\\u003c'));
