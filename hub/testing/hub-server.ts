/**
 * @file A server on this machine that speaks as much of the hub's language as Temper uses (model info, the tree in
 * pages, resolve with redirections to a storage host, ranges, ETags, error codes), and misbehaves on request. It is
 * written after the hub's clients; the real hub was never asked.
 */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Asked {
  readonly path: string;
  readonly range?: string;
  readonly authorization?: string;
}

/** How the next answer to a path differs from a good one. */
export type Misbehaviour =
  /** Sends so many bytes of the body, then breaks the connection. */
  | { readonly kind: 'break'; readonly afterBytes: number }
  | { readonly kind: 'wrong bytes' }
  /** Answers 200 with the whole file though a range was asked for. */
  | { readonly kind: 'no ranges' }
  | {
      readonly kind: 'status';
      readonly status: number;
      readonly code?: string;
      readonly retryAfter?: number;
    };

export interface FakeHub {
  readonly endpoint: string;
  readonly asked: Asked[];
  /** Whatever is asked next at a path that holds `part` goes wrong so. */
  misbehave(part: string, ...how: Misbehaviour[]): void;
  close(): Promise<void>;
}

export interface FakeRepository {
  readonly commit: string;
  /** Default: main. */
  readonly branch?: string;
  readonly files: Readonly<Record<string, Uint8Array | string>>;
  /** Paths that are stored as LFS objects; default: those that end in .onnx or hold "_data". */
  readonly large?: (path: string) => boolean;
  /** Only who sends this token may read it. */
  readonly token?: string;
  readonly gated?: boolean;
}

interface Handling {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly misbehaviour: Misbehaviour | undefined;
}

/** Starts the server. @param repositories `owner/name` of models and data sets → what each holds on `main` */
export async function startHub(repositories: Readonly<Record<string, FakeRepository>>): Promise<FakeHub> {
  const asked: Asked[] = [];
  const planned: { part: string; how: Misbehaviour[] }[] = [];
  const server = createServer((request, response) => {
    const path = decodeURIComponent(request.url ?? '/');
    const { range, authorization } = request.headers;
    asked.push({
      path,
      ...(range === undefined ? {} : { range }),
      ...(authorization === undefined ? {} : { authorization }),
    });
    const misbehaviour = planned.find(({ part, how }) => path.includes(part) && how.length > 0)?.how.shift();
    answer(repositories, path, { request, response, misbehaviour });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    misbehave: (part, ...how) => void planned.push({ part, how }),
    close: () =>
      new Promise((done, fail) => {
        server.close((error) => (error === undefined ? done() : fail(error)));
        server.closeAllConnections();
      }),
  };
}

function answer(
  repositories: Readonly<Record<string, FakeRepository>>,
  path: string,
  handling: Handling,
): void {
  const { request, response, misbehaviour } = handling;
  if (misbehaviour?.kind === 'status') {
    const { status, code, retryAfter } = misbehaviour;
    if (retryAfter !== undefined) response.setHeader('retry-after', retryAfter);
    return refuse(response, status, code);
  }
  const url = new URL(path, 'http://hub');
  const stored = /^\/storage\/([^/]+\/[^/]+)\/(.+)$/.exec(url.pathname);
  if (stored !== null) {
    const content = bytesAt(repositories[stored[1] as string], stored[2] as string);
    return content === undefined ? refuse(response, 404) : sendBytes(content, handling);
  }
  const [, name = '', kind = '', rest = ''] =
    /^(?:\/api\/models|\/api\/datasets|\/datasets)?\/([^/]+\/[^/]+)\/(revision|tree|resolve)\/(.+)$/.exec(
      url.pathname,
    ) ?? [];
  const repository = repositories[name];
  const given = request.headers.authorization?.replace('Bearer ', '');
  if (repository === undefined) return refuse(response, given === undefined ? 401 : 404, 'RepoNotFound');
  if (repository.token !== undefined && repository.token !== given)
    return repository.gated === true
      ? refuse(response, given === undefined ? 401 : 403, 'GatedRepo')
      : refuse(response, given === undefined ? 401 : 404, 'RepoNotFound');
  const { commit, branch = 'main' } = repository;
  const revision = [branch, commit].find((known) => rest === known || rest.startsWith(`${known}/`));
  if (revision === undefined) return refuse(response, 404, 'RevisionNotFound');
  if (kind === 'revision')
    return sendJson(response, { _id: '1', id: name, sha: repository.commit, lastModified: 0 });
  if (kind === 'tree') return sendTree(repository, url, response);
  const file = rest.slice(revision.length + 1);
  const content = bytesAt(repository, file);
  if (content === undefined) return refuse(response, 404, 'EntryNotFound');
  response.setHeader('x-repo-commit', repository.commit);
  if (!isLarge(repository, file)) {
    response.setHeader('etag', `"${gitSha1(content)}"`);
    return sendBytes(content, handling);
  }
  response.writeHead(302, {
    'x-linked-size': content.length,
    'x-linked-etag': `"${sha256(content)}"`,
    // Another host name is another origin, as the hub's storage is.
    location: `http://localhost:${request.socket.localPort}/storage/${name}/${file}`,
  });
  response.end();
}

function sendTree(repository: FakeRepository, url: URL, response: ServerResponse): void {
  const entries = Object.keys(repository.files).map((path) => {
    const content = bytesAt(repository, path) as Buffer;
    const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${sha256(content)}\nsize ${content.length}\n`;
    return isLarge(repository, path)
      ? {
          ...{ type: 'file', path, size: content.length, oid: gitSha1(Buffer.from(pointer)) },
          lfs: { oid: sha256(content), size: content.length, pointerSize: pointer.length },
        }
      : { type: 'file', path, size: content.length, oid: gitSha1(content) };
  });
  const from = Number(url.searchParams.get('cursor') ?? 0);
  const page = 3;
  if (from + page < entries.length) {
    const next = new URL(url);
    next.searchParams.set('cursor', String(from + page));
    const address = `http://127.0.0.1:${response.socket?.localPort ?? 0}${next.pathname}${next.search}`;
    response.setHeader('link', `<${address}>; rel="next"`);
  }
  sendJson(response, entries.slice(from, from + page));
}

function sendBytes(content: Buffer, { request, response, misbehaviour }: Handling): void {
  const asked = /^bytes=(\d+)-$/.exec(request.headers.range ?? '');
  const start = asked === null || misbehaviour?.kind === 'no ranges' ? 0 : Number(asked[1]);
  if (start >= content.length && start > 0) {
    response.writeHead(416, { 'content-range': `bytes */${content.length}` });
    response.end();
    return;
  }
  let body = content.subarray(start);
  if (misbehaviour?.kind === 'wrong bytes') body = Buffer.alloc(body.length, 7);
  const headers = { 'content-length': body.length };
  if (start > 0)
    response.writeHead(206, {
      ...headers,
      'content-range': `bytes ${start}-${content.length - 1}/${content.length}`,
    });
  else response.writeHead(200, headers);
  if (misbehaviour?.kind !== 'break') {
    response.end(body);
    return;
  }
  response.write(body.subarray(0, misbehaviour.afterBytes), () => setTimeout(() => response.destroy(), 20));
}

function sendJson(response: ServerResponse, value: unknown): void {
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify(value));
}

function refuse(response: ServerResponse, status: number, code?: string): void {
  if (code !== undefined) response.setHeader('x-error-code', code);
  response.statusCode = status;
  sendJson(response, { error: code ?? `status ${status}` });
}

function bytesAt(repository: FakeRepository | undefined, path: string): Buffer | undefined {
  const content = repository?.files[path];
  return content === undefined ? undefined : Buffer.from(content as Uint8Array);
}

function isLarge({ large }: FakeRepository, path: string): boolean {
  return large?.(path) ?? (path.endsWith('.onnx') || path.includes('_data'));
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

const gitSha1 = (bytes: Uint8Array): string =>
  createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');
