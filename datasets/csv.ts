/** @file Rows of a CSV or TSV file with a header, quoted as RFC 4180 says (line breaks inside quotes included). */
import { CsvError, parse } from 'csv-parse';
import { Readable } from 'node:stream';
import { UserError } from '../base/errors.js';
import { checkColumns, type Row } from './columns.js';
import { textBlocks } from './text.js';

interface ParsedRecord {
  record: string[];
  info: { lines: number };
}

/** Throws a UserError for a header without the columns, a ragged row, a quote that never closes, or no UTF-8. */
export async function* csvRows(
  path: string,
  delimiter: string,
  columns: readonly string[],
): AsyncGenerator<Row> {
  const parser = parse({ delimiter, info: true, relax_column_count: true, skip_empty_lines: true });
  const source = Readable.from(textBlocks(path), { objectMode: false });
  source.on('error', (error) => parser.destroy(error)).pipe(parser);
  let header: string[] | undefined;
  let number = 0;
  let line = 1;
  try {
    for await (const { record, info } of parser as AsyncIterable<ParsedRecord>) {
      const place = `line ${line}`;
      line = info.lines + 1;
      if (header === undefined) {
        header = checkedHeader(path, record, columns);
        continue;
      }
      if (record.length !== header.length) throw raggedRow(path, place, record, header);
      const values = Object.fromEntries(header.map((name, i) => [name, record[i]]));
      yield { number: ++number, place, values };
    }
  } catch (error) {
    throw error instanceof CsvError ? csvError(path, line, error) : error;
  } finally {
    source.destroy();
  }
  if (header === undefined)
    throw new UserError(`${path} is empty; expected a header line with the columns' names`);
}

function checkedHeader(path: string, header: string[], columns: readonly string[]): string[] {
  const names = header.map((name) => name.trim());
  checkColumns(path, columns, names);
  const twice = names.find((name, i) => columns.includes(name) && names.indexOf(name) !== i);
  if (twice !== undefined)
    throw new UserError(`${path}: the header has the column "${twice}" twice; rename one`);
  return names;
}

function raggedRow(path: string, place: string, record: string[], header: string[]): UserError {
  return new UserError(
    `${path}, ${place}: this row has ${record.length} ${record.length === 1 ? 'field' : 'fields'}, the header has ` +
      `${header.length} (${header.join(', ')}). A text with the delimiter or a line break in it must stand in quotes.`,
  );
}

function csvError(path: string, line: number, error: CsvError): UserError {
  const advice: Partial<Record<string, string>> = {
    CSV_QUOTE_NOT_CLOSED:
      'a quote opens here and never closes; a quote inside a quoted text is written twice ("")',
    CSV_INVALID_CLOSING_QUOTE: 'a quote inside a quoted text must be written twice ("")',
    INVALID_OPENING_QUOTE:
      'a text with quotes in it must stand in quotes, each quote inside written twice ("")',
  };
  return new UserError(`${path}, row starting at line ${line}: ${advice[error.code] ?? error.message}`, {
    cause: error,
  });
}
