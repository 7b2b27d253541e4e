const AMPERSAND = 0x26;
const EQUALS = 0x3d;
const PERCENT = 0x25;
const PLUS = 0x2b;
const SPACE = 0x20;

/**
 * Reads some parameters of a query (application/x-www-form-urlencoded) in one pass, without work for all others: a
 * query comes from anybody and may have thousands of them.
 * @param names the parameters to read, in lower case. Names in the query match in any letter case, but not
 * percent-encoded, as no client sends them.
 * @returns the values by name, as sent, in their order
 */
export function queryParameters(query: string, names: ReadonlySet<string>): ReadonlyMap<string, readonly string[]> {
  const longest = Math.max(...[...names].map((name) => name.length));
  const found = new Map<string, string[]>();
  let start = 0;
  let equals = -1;
  for (let at = 0; at <= query.length; at++) {
    const code = at < query.length ? query.charCodeAt(at) : AMPERSAND;
    if (code === EQUALS && equals < 0) equals = at;
    if (code !== AMPERSAND) continue;
    const nameEnd = equals < 0 ? at : equals;
    if (nameEnd - start <= longest) {
      const name = query.slice(start, nameEnd).toLowerCase();
      if (names.has(name)) append(found, name, query.slice(Math.min(nameEnd + 1, at), at));
    }
    start = at + 1;
    equals = -1;
  }
  return found;
}

function append(values: Map<string, string[]>, name: string, value: string): void {
  const before = values.get(name);
  if (before === undefined) values.set(name, [value]);
  else before.push(value);
}

/**
 * Decodes one value, in linear time. Bytes that are not UTF-8 become U+FFFD.
 * @param text ASCII, as in a request target
 * @returns undefined for a percent sign without two hexadecimal digits
 */
export function decodeQueryValue(text: string): string | undefined {
  const bytes = Buffer.alloc(text.length);
  let length = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code !== PERCENT) {
      bytes[length++] = code === PLUS ? SPACE : code;
      continue;
    }
    const [high, low] = [hexDigit(text.charCodeAt(at + 1)), hexDigit(text.charCodeAt(at + 2))];
    if (high === undefined || low === undefined) return undefined;
    bytes[length++] = high * 16 + low;
    at += 2;
  }
  return bytes.toString('utf8', 0, length);
}

/** The value of a hexadecimal digit, from its character code; undefined for another character or NaN. */
function hexDigit(code: number): number | undefined {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const letter = code | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x61 + 10 : undefined;
}
