/** The words in which the gateway asks "who is this, and where may they go?". No sockets, no clock: `now` is an input. */

/** What a client offers to prove who it is. */
export interface AuthenticationRequest {
  /** `PAA`: a pluggable authentication cookie, the `gatewayaccesstoken` of an .rdp file (MS-TSGU 2.2.10.19). */
  readonly scheme: 'PAA';
  /** The token as text, without its terminating NUL. Never log it. */
  readonly token: string;
  /** Address of the client as the gateway sees it. */
  readonly peer: string;
  /** RDG-Connection-Id, a GUID in lower case without braces. */
  readonly connectionId: string;
  /** RDG-Correlation-Id in the same form, where the client sent one. */
  readonly correlationId: string | undefined;
  /** The client machine's name. It follows in TUNNEL_AUTH, after the token: unknown when a token is checked. */
  readonly clientName: string | undefined;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** A proven identity, or the reason why not. The reason goes to the log, never to the client. */
export type AuthenticationVerdict =
  | {
      readonly allow: true;
      readonly user: string;
      readonly groups?: readonly string[];
      /** `host:port` entries; where given, the only targets this identity may open. */
      readonly targets?: readonly string[];
      /** Milliseconds since the epoch; the session is ended at this time. */
      readonly until?: number;
    }
  | { readonly allow: false; readonly reason: string };

/** Who was let in, and how they proved it. */
export interface Identity {
  readonly user: string;
  readonly groups: readonly string[];
  readonly targets: readonly string[] | undefined;
  /**
   * Whether `targets` come from the gateway's own key or token list: naming a loopback or link-local address there counts as
   * an explicit rule, the word of a foreign issuer or of a custom authenticator does not.
   */
  readonly local: boolean;
  readonly until: number | undefined;
  /** How it was proven: `signed`, `static`, `any`, or the name of a custom authenticator. */
  readonly method: string;
  readonly clientName: string | undefined;
}

/** One target a client asked for; `address` is the resolved address that will be dialled. */
export interface TargetRequest {
  readonly host: string;
  readonly port: number;
  readonly address: string;
}

export type AuthorizationVerdict = { readonly allow: true } | { readonly allow: false; readonly reason: string };

/**
 * A custom authenticator: the default export of an ES module named in `auth.module` returns one of these.
 * A throw, a late or an odd answer denies; `signal` aborts at the deadline.
 */
export interface Authenticator {
  readonly name: string;
  authenticate(
    request: AuthenticationRequest,
    signal: AbortSignal,
  ): Promise<AuthenticationVerdict> | AuthenticationVerdict;
  /** Asked after the configured rules have allowed a target; without it they alone decide. */
  authorize?(
    identity: Identity,
    target: TargetRequest,
    signal: AbortSignal,
  ): Promise<AuthorizationVerdict> | AuthorizationVerdict;
  close?(): Promise<void> | void;
}

/** What `auth.module` exports by default. */
export type AuthenticatorFactory = (
  options: Readonly<Record<string, unknown>>,
) => Promise<Authenticator> | Authenticator;
