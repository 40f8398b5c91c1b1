const kibi = 1024;
const mebi = 1024 * kibi;

/** Everything that one peer, or all of them together, can make the server hold or do. docs/design.md lists it. */
export interface Limits {
  /**
   * Connections at a time. For one more others are closed: those that have been without an open call for longest,
   * else the oldest. Those that the server's owner keeps are spared.
   */
  connections: number;
  /** From accepting a connection until its preface and SETTINGS have arrived. Unit: milliseconds. */
  handshake: number;
  /** Open calls of one connection (SETTINGS_MAX_CONCURRENT_STREAMS); further ones are refused. */
  streams: number;
  /** Open calls of all connections; further ones are refused to connections that have their share. */
  streamsOfProcess: number;
  /** Open calls that a connection may have whatever the others do. */
  streamsShare: number;
  /** Size of one message. Unit: bytes. */
  message: number;
  /**
   * Bytes held for the calls of one connection: messages that have not arrived whole, or that wait for the end of
   * their request or for a paused handler, and long header lists. A call that needs more fails. Unit: bytes.
   */
  held: number;
  /** The same for all connections; a call that needs more fails if its connection has its share. Unit: bytes. */
  heldOfProcess: number;
  /** Bytes that may be held for a connection whatever is held for the others. Unit: bytes. */
  heldShare: number;
  /** Receive window of one call, and of its connection. Unit: bytes. */
  streamWindow: number;
  connectionWindow: number;
  /** The header list of one call, decoded, as RFC 9113 6.5.2 counts it. Unit: bytes. */
  headerList: number;
  /** The header block of one call as it is sent, CONTINUATION included. Unit: bytes. */
  headerBlock: number;
  /** CONTINUATION frames of one header block. */
  continuations: number;
  /** Dynamic table for decoding headers (SETTINGS_HEADER_TABLE_SIZE). Unit: bytes. */
  headerTable: number;
  /** Responses of one call that wait for its client; past that `write` says that there is no room. Unit: bytes. */
  queued: number;
  /** The same for all calls; past that the connection with the most of them is closed. Unit: bytes. */
  queuedOfProcess: number;
  /** Bytes that wait to be written to one socket; past that nothing more is read from it. Unit: bytes. */
  unwritten: number;
  /** The same for all sockets; past that the connection whose last write waits for longest is closed. Unit: bytes. */
  unwrittenOfProcess: number;
  /** A connection whose last write has waited for so long is closed. Unit: milliseconds. */
  stalled: number;
  /**
   * Frames that bring nothing forward, which docs/design.md lists: so many at once, and so many a second. More end the
   * connection with ENHANCE_YOUR_CALM.
   */
  idleFrames: number;
  idleFramesPerSecond: number;
}

export const defaultLimits: Limits = {
  connections: 1_024,
  handshake: 10_000,
  streams: 4_096,
  streamsOfProcess: 16_384,
  streamsShare: 16,
  message: 65 * mebi,
  held: 80 * mebi,
  heldOfProcess: 96 * mebi,
  heldShare: 256 * kibi,
  streamWindow: 1 * mebi,
  connectionWindow: 16 * mebi,
  headerList: 64 * kibi,
  headerBlock: 64 * kibi,
  continuations: 8,
  headerTable: 4_096,
  queued: 64 * kibi,
  queuedOfProcess: 256 * mebi,
  unwritten: 256 * kibi,
  unwrittenOfProcess: 64 * mebi,
  stalled: 10 * 60_000,
  // All open calls may be cancelled at once.
  idleFrames: 5_000,
  idleFramesPerSecond: 1_000,
};
