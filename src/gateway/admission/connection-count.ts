/** Who counts the connections of all processes together. A gateway that is one process needs nobody for that. */
export interface ConnectionCount {
  /** A connection is here, and nobody knows whose. `turnAway` is called, soon or never, when that is one too many. */
  add(name: string, network: string, turnAway: (setting: string) => void): void;
  /** Its user is known. */
  authenticated(name: string): void;
  remove(name: string): void;
}
