/** A reference parser of HTTP/1.1: node:http behind a real socket. Requests must use a method that it supports. */
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';

export interface ParseResult {
  /** The accepted head; undefined when it was refused or is not complete. */
  readonly head: { readonly url: string; readonly headers: IncomingHttpHeaders } | undefined;
  /** The body, if it is complete. */
  readonly body: Buffer | undefined;
}

export class Oracle {
  readonly #server: Server;
  readonly #results = new Map<Socket, ParseResult>();
  #sockets: Socket[] = [];

  constructor() {
    this.#server = createServer();
    this.#server.on('connection', (socket) => this.#sockets.push(socket));
    this.#server.on('clientError', (_error, socket) => socket.destroy());
    const record = (socket: Socket, result: ParseResult): void => {
      this.#results.set(socket, result);
    };
    this.#server.on('request', (request, response) => {
      const head = { url: request.url ?? '', headers: request.headers };
      const parts: Buffer[] = [];
      // Only the first request on a connection is recorded.
      if (this.#results.has(request.socket)) return response.destroy();
      record(request.socket, { head, body: undefined });
      request.on('error', () => {});
      request.on('data', (part) => parts.push(part));
      request.on('end', () => {
        record(request.socket, { head, body: Buffer.concat(parts) });
        response.setHeader('Connection', 'close').end();
      });
    });
    this.#server.on('checkContinue', (request, response) => this.#server.emit('request', request, response));
  }

  listen(): Promise<void> {
    return new Promise((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  /** Sends one request and ends the connection. */
  async parse(bytes: Buffer): Promise<ParseResult> {
    this.#sockets = [];
    await new Promise<void>((resolve) => {
      const socket = connect((this.#server.address() as AddressInfo).port, '127.0.0.1');
      socket.on('error', () => {});
      socket.on('close', () => resolve());
      socket.resume();
      socket.end(bytes);
    });
    const result = this.#sockets[0] && this.#results.get(this.#sockets[0]);
    this.#results.clear();
    return result ?? { head: undefined, body: undefined };
  }
}
