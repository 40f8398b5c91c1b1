/** What all connections of a server hold together; bounded by the limits "of process". */
export class Totals {
  /** Open calls. */
  streams = 0;
  /** Bytes held for calls: see limits.ts. */
  held = 0;
  /** Bytes of responses that wait for their clients. */
  queued = 0;
  /** Bytes that wait to be written to sockets. */
  unwritten = 0;
}
