/** The interface between the gateway and an authenticator. It has no sockets and no clock: `now` is an input. */

/** The credentials of a client, with what the gateway knows about the client. */
export interface AuthenticationRequest {
  /** `PAA`: a pluggable authentication (PAA) cookie, the `gatewayaccesstoken` of an .rdp file (MS-TSGU 2.2.10.19). */
  readonly scheme: 'PAA';
  /** The PAA cookie as text, without its terminating NUL. Never log it. */
  readonly token: string;
  /** IP address of the client. `undefined` if it connects through a trusted proxy that does not name it. */
  readonly peer: string | undefined;
  /** RDG-Connection-Id, a GUID in lower case without braces. */
  readonly connectionId: string;
  /** RDG-Correlation-Id in the same form, or `undefined` if the client sent none. */
  readonly correlationId: string | undefined;
  /**
   * The name of the client machine. The client sends it in HTTP_TUNNEL_AUTH_PACKET, after the token, so it is `undefined` while
   * a token is verified.
   */
  readonly clientName: string | undefined;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/**
 * The answer of `Authenticator.authenticate`: an identity, or the reason for the refusal. The gateway writes the reason to the
 * log (one line, at most 200 characters) and never sends it to the client.
 */
export type AuthenticationVerdict =
  | {
      readonly allow: true;
      /** 1 to 256 printable characters without white space at the ends. */
      readonly user: string;
      /** At most 1000 entries, with the same limits as `user`. */
      readonly groups?: readonly string[];
      /** At most 1000 targets, `host` or `host:port`. If given, the identity may open these targets and no others. */
      readonly targets?: readonly string[];
      /** Milliseconds since the epoch, later than `now`. The gateway ends the session at this time. */
      readonly until?: number;
    }
  | { readonly allow: false; readonly reason: string };

/** An authenticated user. */
export interface Identity {
  readonly user: string;
  readonly groups: readonly string[];
  /** `host:port` in canonical form: the only targets this identity may open. `undefined` if the allow rules decide alone. */
  readonly targets: readonly string[] | undefined;
  /**
   * Whether `targets` come from the gateway's own key or token list. Then a loopback, link-local or other special address in
   * them counts as an explicit rule, and so does `localhost`. In targets of another issuer or of a custom authenticator it does not.
   */
  readonly local: boolean;
  /** Milliseconds since the epoch at which the session ends. `undefined` if it has no such limit. */
  readonly until: number | undefined;
  /** How the user was authenticated: `signed`, `static`, `any`, or the name of a custom authenticator. */
  readonly method: string;
  /** The name of the client machine, as the client sent it in HTTP_TUNNEL_AUTH_PACKET. Not verified. */
  readonly clientName: string | undefined;
}

/** A target that a client requests, with one of its addresses. */
export interface TargetRequest {
  /** In canonical form, see `normalizeHost`. */
  readonly host: string;
  /** 1 to 65535. */
  readonly port: number;
  /** The IP address that the gateway dials, in canonical form. */
  readonly address: string;
}

/** The answer of `Authenticator.authorize`. The reason is for the log and is never sent to the client. */
export type AuthorizationVerdict = { readonly allow: true } | { readonly allow: false; readonly reason: string };

/**
 * A custom authenticator. The default export of the ES module at `auth.module.path` returns it (see `AuthenticatorFactory`).
 *
 * An exception, an answer after the deadline (`timeouts.decision`) and an answer of any other shape deny. `signal` aborts at
 * the deadline, or earlier if the client disconnects.
 */
export interface Authenticator {
  /** Printable, at most 64 characters. Used in the log and as `Identity.method`. Another name ends the rights that were granted before. */
  readonly name: string;
  /** Called once for each tunnel, also if a reload replaces the authenticator. The token of the request is never empty. */
  authenticate(
    request: AuthenticationRequest,
    signal: AbortSignal,
  ): Promise<AuthenticationVerdict> | AuthenticationVerdict;
  /**
   * Called for each address that the targets of the identity or the allow rules permit. Without this method they alone decide.
   *
   * After a reload it is also called for identities that an authenticator with the same `name` returned before; identities of one
   * with another name are refused. With `auth.whenRevoked: end` it is called at the reload for each open channel, at most 1000
   * calls at a time, and a session ends unless the answer allows it.
   */
  authorize?(
    identity: Identity,
    target: TargetRequest,
    signal: AbortSignal,
  ): Promise<AuthorizationVerdict> | AuthorizationVerdict;
  /** Called when the gateway stops using the authenticator. */
  close?(): Promise<void> | void;
}

/** The default export of the module at `auth.module.path`. `options` is the setting `auth.module.options`. */
export type AuthenticatorFactory = (
  options: Readonly<Record<string, unknown>>,
) => Promise<Authenticator> | Authenticator;
