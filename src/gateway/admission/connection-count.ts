/** Who counts the connections of all processes together. A gateway that is one process needs nobody for that. */
export interface Census {
  /** A connection is here, and nobody knows whose. `turnAway` is called, soon or never, when that is one too many. */
  enter(name: string, network: string, turnAway: (setting: string) => void): void;
  /** Its user is known. */
  known(name: string): void;
  leave(name: string): void;
}
