/** @file Text for a terminal: paragraphs as wide as it is, under a heading or after a word. */

const widest = 110;

/** Columns to write in: those of the terminal, or of a page where there is none. */
function width(): number {
  return Math.min(process.stdout.columns ?? widest, widest);
}

/** Lines of at most so many columns, broken between words; a word that is longer stands alone. */
export function wrapped(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > columns) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}

/** The first line begins with `lead`, the others stand below its text. */
export function hanging(lead: string, text: string, columns = width()): string {
  const below = ' '.repeat(lead.length);
  return wrapped(plain(text), Math.max(20, columns - lead.length))
    .map((line, index) => `${index === 0 ? lead : below}${line}`)
    .join('\n');
}

/** Markdown as a terminal has it: without the marks around code. */
export function plain(markdown: string): string {
  return markdown.replaceAll('`', '');
}
