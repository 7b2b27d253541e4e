/** Parses bytes from text: hexadecimal dumps of many programs, C and Python literals, base64. */
export { MAX_HEX_BYTES } from './dump.js';
export { looksLikeText, MAX_HEX_TEXT, parseHexText, type TextEncoding, textOf } from './parse.js';
