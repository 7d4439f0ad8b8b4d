/** @file Normal forms of short LaTeX answers: the same answer, however it was typeset. */

/** Replacements in this order; each says the same in the form that is compared. */
const rules: readonly (readonly [RegExp, string])[] = [
  [/\\!|\\,|\\;|\\:|\\ |~|\\quad|\\qquad/gu, ''], // spacing
  [/^\$+|\$+$/gu, ''], // delimiters of formulas
  [/\\\(|\\\)|\\\[|\\\]/gu, ''],
  [/\\left|\\right|\\big[lr]?|\\Big[lr]?|\\displaystyle/gu, ''],
  [/\\[td]frac/gu, '\\frac'],
  [/\^\{?\\circ\}?|°|\\degree|\bdegrees?\b/gu, ''],
  [/\\\$/gu, ''],
  [/\\?%/gu, ''],
  // Units: \text{ cm}, \mbox{ cm}^2. Text that is the answer itself stays, as in \text{Evelyn}.
  [/(?<=[\d}).])\s*\\(?:text|mbox|mathrm)\{[^{}]*\}(?:\^\{?\d\}?)?/gu, ''],
  [/\\(?:text|mbox|mathrm|textbf|mathbf)\{([^{}]*)\}/gu, '$1'],
  [/\\(?:cdot|times)\s*(?=10\^)/gu, '\\times'],
  [/\\(?:le|leq|leqslant)(?![a-z])/gu, '\\le'],
  [/\\(?:ge|geq|geqslant)(?![a-z])/gu, '\\ge'],
  [/\\(?:ne|neq)(?![a-z])/gu, '\\ne'],
  [/\s+/gu, ''],
  [/^[a-zA-Z]{1,2}(?:\([a-z]\))?=/u, ''], // "x = 5"
  [/[.,;]$/u, ''],
  [/(?<!\d)\.(?=\d)/gu, '0.'],
  [/\\sqrt([^{[\\])/gu, '\\sqrt{$1}'],
  [/\\frac([^{\\])([^{\\])/gu, '\\frac{$1}{$2}'], // \frac12
  [/\\frac([^{\\])\{/gu, '\\frac{$1}{'],
  [/\\frac(\{[^{}]*\})([^{\\])/gu, '\\frac$1{$2}'],
  [/\\frac\{-([^{}]*)\}\{/gu, '-\\frac{$1}{'],
  [/^(-?\d+)\/(\d+)$/u, '\\frac{$1}{$2}'],
  [/^\\frac\{-/u, '-\\frac{'],
];

/** The form in which two answers are compared. */
export function normalLatex(text: string): string {
  const form = rules.reduce((now, [pattern, replacement]) => now.replace(pattern, replacement), text.trim());
  // Only where the whole is one number: "1,2" may be a list, and "(1,000)" a pair.
  return /^[-+]?\d{1,3}(?:\{?,\}?\d{3})+(?:\.\d+)?$/u.test(form) ? form.replace(/\{?,\}?/gu, '') : form;
}

/** [numerator, denominator] of a number in normal form: 12, -0.5, \frac{1}{2}; undefined for all else. */
export function rationalOf(form: string): readonly [bigint, bigint] | undefined {
  const decimal = /^([-+]?)(\d+)(?:\.(\d+))?$/u.exec(form);
  if (decimal !== null) {
    const [, sign, whole = '', part = ''] = decimal;
    const size = BigInt(whole + part);
    return [sign === '-' ? -size : size, 10n ** BigInt(part.length)];
  }
  const fraction = /^(-?)\\frac\{(\d+)\}\{(\d+)\}$/u.exec(form);
  if (fraction === null) return undefined;
  const [, sign, above = '', below = ''] = fraction;
  if (BigInt(below) === 0n) return undefined;
  return [sign === '-' ? -BigInt(above) : BigInt(above), BigInt(below)];
}
