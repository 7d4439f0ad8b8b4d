/** @file Rows of a CSV or TSV file with a header, quoted as RFC 4180 says (line breaks inside quotes included). */
import { CsvError, parse, type InfoRecord } from 'csv-parse';
import { Readable } from 'node:stream';
import { UserError } from '../base/errors.js';
import { checkColumns, type Row } from './columns.js';
import { textBlocks } from './text.js';

/** Throws a UserError for a header without the columns, a ragged row, a quote that never closes, or no UTF-8. */
export async function* csvRows(
  path: string,
  delimiter: string,
  columns: readonly string[],
): AsyncGenerator<Row> {
  const locate = locator();
  // A quote inside an unquoted text is taken as it stands, as pandas and DuckDB do.
  const parser = parse({
    delimiter,
    relax_quotes: true,
    relax_column_count: true,
    skip_empty_lines: true,
    on_record: locate.record,
  });
  const source = Readable.from(textBlocks(path), { objectMode: false });
  source.on('error', (error) => parser.destroy(error)).pipe(parser);
  let header: string[] | undefined;
  let number = 0;
  try {
    for await (const fields of parser as AsyncIterable<string[]>) {
      const place = `line ${locate.lineOf(fields)}`;
      if (header === undefined) {
        header = checkedHeader(path, fields, columns);
        continue;
      }
      if (fields.length !== header.length) throw raggedRow(path, place, fields, header);
      yield {
        number: ++number,
        place,
        values: Object.fromEntries(header.map((name, i) => [name, fields[i]])),
      };
    }
  } catch (error) {
    throw error instanceof CsvError ? csvError(path, locate.nextLine(), error) : error;
  } finally {
    source.destroy();
  }
  if (header === undefined)
    throw new UserError(`${path} is empty; expected a header line with the columns' names`);
}

/** Tells records' first lines while they are parsed: a parser's error comes before its last records are read. */
function locator() {
  const firstLines = new WeakMap<string[], number>();
  let next = 1;
  let blank = 0;
  return {
    record: (fields: string[], { lines, empty_lines }: InfoRecord): string[] => {
      firstLines.set(fields, next + empty_lines - blank);
      next = lines + 1;
      blank = empty_lines;
      return fields;
    },
    lineOf: (fields: string[]) => firstLines.get(fields),
    nextLine: () => next,
  };
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
  const reason =
    error.code === 'CSV_QUOTE_NOT_CLOSED'
      ? 'a quote opens in this row and never closes; a quote inside a quoted text is written twice ("")'
      : error.message;
  return new UserError(`${path}, row starting at line ${line}: ${reason}`, { cause: error });
}
