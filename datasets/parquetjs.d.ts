/** @file The little of parquetjs that the interoperability test calls; the package brings no types. */
declare module 'parquetjs' {
  interface Field {
    type?: 'UTF8' | 'INT32' | 'DOUBLE' | 'BOOLEAN';
    repeated?: boolean;
    optional?: boolean;
    compression?: 'UNCOMPRESSED' | 'GZIP' | 'SNAPPY' | 'BROTLI';
  }
  type Row = Record<string, unknown>;
  class ParquetSchema {
    constructor(fields: Record<string, Field>);
  }
  class ParquetWriter {
    static openFile(schema: ParquetSchema, path: string): Promise<ParquetWriter>;
    appendRow(row: Row): Promise<void>;
    close(): Promise<void>;
  }
  class ParquetReader {
    static openFile(path: string): Promise<ParquetReader>;
    getCursor(columns?: string[]): { next(): Promise<Row | null> };
    close(): Promise<void>;
  }
  const library: {
    ParquetSchema: typeof ParquetSchema;
    ParquetWriter: typeof ParquetWriter;
    ParquetReader: typeof ParquetReader;
  };
  export default library;
}
