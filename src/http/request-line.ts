import { HeadError } from './errors.js';
import { isHost, isToken } from './fields.js';

export interface RequestLine {
  readonly method: string;
  /** The path of the target, not percent-decoded; `*` for OPTIONS of the whole server. */
  readonly path: string;
  /** What follows the first question mark of the target. */
  readonly query: string;
  readonly version: '1.0' | '1.1';
}

const VERSION = /^HTTP\/([0-9])\.([0-9])$/;
/** Visible ASCII without the number sign, because fragments are not sent. */
const ORIGIN_FORM = /^\/[!-"$-~]*$/;
/** Scheme, authority, and the rest in origin form or empty (RFC 9112 3.2.2). Proxies send it, and servers must take it. */
const ABSOLUTE_FORM = /^https?:\/\/([^/?]+)((?:[/?][!-"$-~]*)?)$/i;

/**
 * Parses a request line (RFC 9112 3).
 * @throws HeadError 505 for another major version than 1
 */
export function parseRequestLine(line: string): RequestLine {
  const [method = '', target = '', version = '', ...more] = line.split(' ', 4);
  const [, major, minor] = VERSION.exec(version) ?? [];
  if (!isToken(method) || more.length > 0 || major === undefined) {
    throw new HeadError('HEAD_REQUEST_LINE', 'the request line is not "method target version"');
  }
  if (major !== '1') throw new HeadError('HEAD_VERSION', 'the request is not http/1.1', { status: 505 });
  return { method, ...parseTarget(method, target), version: minor === '0' ? '1.0' : '1.1' };
}

function parseTarget(method: string, target: string): Pick<RequestLine, 'path' | 'query'> {
  if (ORIGIN_FORM.test(target)) return splitQuery(target);
  const [, authority, rest = ''] = ABSOLUTE_FORM.exec(target) ?? [];
  if (authority !== undefined && isHost(authority)) return splitQuery(rest.startsWith('/') ? rest : `/${rest}`);
  if (target === '*' && method === 'OPTIONS') return { path: target, query: '' };
  throw new HeadError('HEAD_TARGET', 'the request target is neither a path nor an http address');
}

function splitQuery(target: string): Pick<RequestLine, 'path' | 'query'> {
  const mark = target.indexOf('?');
  if (mark < 0) return { path: target, query: '' };
  return { path: target.slice(0, mark), query: target.slice(mark + 1) };
}

/** What can be recognized of an invalid or incomplete request line. */
export function startOfRequestLine(text: string): Pick<RequestLine, 'method' | 'path' | 'query'> {
  const [method = '', target = ''] = text.split(' ', 2);
  return { method: isToken(method) ? method : '', ...splitQuery(target) };
}
