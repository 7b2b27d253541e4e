/** The count of connections over all processes of one gateway. A gateway with one process has none. */
export interface ConnectionCount {
  /**
   * Counts a new, unauthenticated connection. `reject` is called later, with the name of a setting, if it exceeds that
   * limit.
   */
  add(name: string, network: string, reject: (setting: string) => void): void;
  /** The user of the connection is authenticated. */
  authenticated(name: string): void;
  remove(name: string): void;
}
