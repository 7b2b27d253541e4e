/** A second opinion on HTTP/1.1: node:http's own parser behind a real socket, asked with a method that it knows. */
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';

export interface Opinion {
  /** The head was taken; undefined when it was refused or is not complete. */
  readonly head: { readonly url: string; readonly headers: IncomingHttpHeaders } | undefined;
  /** The body, where it came to its end. */
  readonly body: Buffer | undefined;
}

export class Oracle {
  readonly #server: Server;
  readonly #opinions = new Map<Socket, Opinion>();
  #sockets: Socket[] = [];

  constructor() {
    this.#server = createServer();
    this.#server.on('connection', (socket) => this.#sockets.push(socket));
    this.#server.on('clientError', (_error, socket) => socket.destroy());
    const take = (socket: Socket, opinion: Opinion): void => {
      this.#opinions.set(socket, opinion);
    };
    this.#server.on('request', (request, response) => {
      const head = { url: request.url ?? '', headers: request.headers };
      const parts: Buffer[] = [];
      // Only the first request on a connection is asked about.
      if (this.#opinions.has(request.socket)) return response.destroy();
      take(request.socket, { head, body: undefined });
      request.on('error', () => {});
      request.on('data', (part) => parts.push(part));
      request.on('end', () => {
        take(request.socket, { head, body: Buffer.concat(parts) });
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

  /** One request and the end of the connection. */
  async ask(bytes: Buffer): Promise<Opinion> {
    this.#sockets = [];
    await new Promise<void>((resolve) => {
      const socket = connect((this.#server.address() as AddressInfo).port, '127.0.0.1');
      socket.on('error', () => {});
      socket.on('close', () => resolve());
      socket.resume();
      socket.end(bytes);
    });
    const opinion = this.#sockets[0] && this.#opinions.get(this.#sockets[0]);
    this.#opinions.clear();
    return opinion ?? { head: undefined, body: undefined };
  }
}
