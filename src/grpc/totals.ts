/** What all connections of a server hold together; bounded by the limits "of process". */
export class Totals {
  /** Open calls. */
  streams = 0;
  /** Bytes of messages that have not arrived whole. */
  unfinished = 0;
  /** Bytes that wait to be written to sockets. */
  unwritten = 0;
}
