import { parseDelivery } from '../../src/jetstream/message.ts';

type Settlement = 'ack' | 'nak';

/** One message of a stream. */
interface Account {
  /** Whether the host ever got it. */
  arrived: boolean;
  /** What the host said, delivery by delivery. */
  said: Settlement[];
  /** What went over the wire of it so far. */
  sent: Settlement[];
  /** Deliveries that the host's stream took with it as it ended, and those seen given back. */
  owedBack: number;
  givenBack: number;
  /** Whether it was refused or given back, and the host has not got it again. */
  refused: boolean;
  /** When the server was last seen to begin its wait, in terms of performance.now(). */
  heard: number;
  /** Whether, since the host got it last, the server may have had a reason to deliver it again. */
  due: boolean;
  /**
   * Whether one delivery may have been refused when the next was on its way already. The server
   * then delivers it once more, whatever becomes of that one.
   */
  crossed: boolean;
  /** `late`: when it was acknowledged the message may have been on its way once more. */
  acked: 'no' | 'in time' | 'late';
  /** Deliveries after the host had acknowledged it. */
  again: number;
}

export interface LedgerOptions {
  /** Messages the host may have unsettled. */
  window: number;
  /** The shortest time the server waits for a settlement. Unit: milliseconds. */
  ackWait: number;
}

/**
 * Keeps account of what one host got and said of each message, and of what the component told the
 * server, and notes wherever the two do not agree.
 */
export class Ledger {
  /** What the host has and has not settled, the oldest first: id to stream sequence. */
  readonly unsettled = new Map<string, number>();
  /** Whether the component may give back what the host never got: after a pause, or an end. */
  mayGiveBack = false;
  /** Whether an acknowledgement may be sent once more: after a cut, which may have swallowed it. */
  mayRepeat = false;
  readonly #options: LedgerOptions;
  readonly #accounts = new Map<number, Account>();
  readonly #replies = new Map<string, string>();
  readonly #problems: string[] = [];

  constructor(options: LedgerOptions) {
    this.#options = options;
  }

  /** The host got a message. */
  got(id: string, sequence: number): void {
    const account = this.#account(sequence);
    const [oldest] = this.unsettled.values();
    if (sequence !== oldest && this.of(sequence).unsettled > 0) {
      this.#problem(`the host got ${sequence} again while it waited its turn`);
    }
    this.unsettled.set(id, sequence);
    const { window } = this.#options;
    if (this.unsettled.size > window) {
      this.#problem(`the host has ${this.unsettled.size} unsettled, the window is ${window}`);
    }
    account.arrived = true;
    account.refused = false;
    if (account.said.includes('ack')) {
      account.again++;
      return;
    }
    account.heard = performance.now();
    account.due = false;
  }

  /** The host settles a message: to be called before it does. */
  says(how: Settlement, id: string): void {
    const sequence = this.unsettled.get(id);
    // An id that it has settled before, or that never was: nothing shall come of it.
    if (sequence === undefined) return;
    this.unsettled.delete(id);
    const account = this.#account(sequence);
    account.said.push(how);
    if (how === 'ack') return;
    if (this.of(sequence).unsettled > 0) account.crossed = true;
    account.due = true;
    account.refused = true;
  }

  /** The host's stream has ended: what it had is to be given back. */
  ended(): void {
    for (const sequence of this.unsettled.values()) {
      const account = this.#account(sequence);
      account.owedBack++;
      account.due = true;
    }
    this.unsettled.clear();
  }

  /** The component told the server something of a delivery. */
  sent(reply: string, payload: string): void {
    const sequence = parseDelivery(reply)?.streamSequence ?? 0;
    const account = this.#account(sequence);
    const now = performance.now();
    // Half of it is left for what the server, the component and this process may be late by.
    const overdue = now - account.heard > this.#options.ackWait / 2;
    if (overdue) account.due = true;
    if (payload === '+WPI') {
      account.heard = now;
      return;
    }
    const before = this.#replies.get(reply);
    if (before === '+ACK' && payload === before && this.mayRepeat) return;
    if (before !== undefined) this.#problem(`settled twice: ${reply} (now ${payload})`);
    this.#replies.set(reply, payload);
    if (overdue && payload.startsWith('-NAK')) account.crossed = true;
    // What a host refuses has a delay.
    if (payload === '-NAK') {
      account.givenBack++;
      account.refused = true;
      if (!this.mayGiveBack) this.#problem(`gave back ${sequence}, which nobody asked for`);
      return;
    }
    const how = payload === '' || payload === '+ACK' ? 'ack' : payload.slice(0, 4);
    const expected = account.said[account.sent.length];
    const sent = how === '-NAK' ? 'nak' : how;
    if (sent !== expected) {
      this.#problem(`sent ${payload} for ${sequence}; the host said ${expected ?? 'nothing'}`);
    }
    account.sent.push(sent as Settlement);
    if (sent !== 'ack' || account.acked !== 'no') return;
    account.acked = account.due || account.crossed ? 'late' : 'in time';
  }

  /** Messages the host has not acknowledged yet, of those published. */
  open(published: number): number {
    const acked = [...this.#accounts.values()].filter(({ said }) => said.includes('ack'));
    return published - acked.length;
  }

  /** Messages that were refused or given back and have not come again. */
  get refused(): number {
    return [...this.#accounts.values()].filter(({ refused }) => refused).length;
  }

  /** How many of the deliveries of this message the host has not settled; and whether it ever has. */
  of(sequence: number): { unsettled: number; settled: boolean } {
    const unsettled = [...this.unsettled.values()].filter((other) => other === sequence).length;
    return { unsettled, settled: this.#account(sequence).said.length > 0 };
  }

  /** Whether all that the host said has been sent, and what its ended streams had given back. */
  get even(): boolean {
    return [...this.#accounts.values()].every(
      ({ said, sent, owedBack, givenBack }) => sent.length >= said.length && givenBack >= owedBack,
    );
  }

  /** What is not even, for people. */
  toString(): string {
    return JSON.stringify([...this.#accounts]);
  }

  /** Whether the host ever got it. */
  arrived(sequence: number): boolean {
    return this.#account(sequence).arrived;
  }

  /** All that is wrong so far. */
  get problems(): string[] {
    const again = [...this.#accounts]
      .filter(([, { acked, again }]) => acked === 'in time' && again > 0)
      .map(([sequence]) => `${sequence} came again though it was acknowledged in time`);
    return [...this.#problems, ...again];
  }

  #account(sequence: number): Account {
    let account = this.#accounts.get(sequence);
    if (!account) {
      account = {
        arrived: false,
        ...{ said: [], sent: [], owedBack: 0, givenBack: 0 },
        ...{ heard: 0, refused: false, due: false, crossed: false, acked: 'no', again: 0 },
      };
      this.#accounts.set(sequence, account);
    }
    return account;
  }

  #problem(text: string): void {
    this.#problems.push(text);
  }
}
