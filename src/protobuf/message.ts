import { delimited, type Field } from './field.ts';
import { Reader } from './reader.ts';
import { varintSize, writeVarint } from './writer.ts';

/** How the messages of one type are read and written. */
export interface MessageType<Message> {
  /** Returns a message with no field set. */
  create(): Message;
  /** Reads fields into a message up to the reader's end. */
  read(reader: Reader, message: Message): void;
  /**
   * Reads the message in `bytes[start, end)`. Its bytes fields are views of `bytes`.
   *
   * @throws ProtobufError when the bytes are not a message
   */
  decode(bytes: Buffer, start: number, end: number): Message;
  /** Returns the number of bytes that {@link write} writes. */
  size(message: Message): number;
  /** Writes the message at `target[at]` and returns where the message ends. */
  write(message: Message, target: Buffer, at: number): number;
}

/** The fields of a message by their names, in the order of their numbers. */
export type Fields<Message> = { readonly [Name in keyof Message]: Field<Message[Name]> };

/** The parts of a type that are written by hand because they must be faster than a table. */
export type HandWritten<Message> = Partial<Omit<MessageType<Message>, 'decode'>>;

/** Returns the type of the messages that have these fields. */
export function message<Message extends object>(
  fields: Fields<Message>,
  handWritten: HandWritten<Message> = {},
): MessageType<Message> {
  type Name = keyof Message;
  const list = Object.entries(fields) as [Name, Field<Message[Name]>][];
  const byTag = new Map(list.map((entry) => [entry[1].tag, entry]));

  const type: MessageType<Message> = {
    create() {
      const message: Partial<Message> = {};
      for (const [name, field] of list) message[name] = field.absent();
      return message as Message;
    },
    read(reader, message) {
      for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
        const known = byTag.get(tag);
        // A known number with another wire type is an unknown field.
        if (!known) reader.skip(tag);
        else message[known[0]] = known[1].read(reader, message[known[0]]);
      }
    },
    size: (message) => list.reduce((sum, [name, field]) => sum + field.size(message[name]), 0),
    write: (message, target, at) =>
      list.reduce((end, [name, field]) => field.write(target, end, message[name]), at),
    ...handWritten,
    decode(bytes, start, end) {
      const message = type.create();
      type.read(new Reader(bytes, start, end), message);
      return message;
    },
  };
  return type;
}

/** A field that is a message, undefined when absent. Several occurrences are merged into one. */
export function messageField<Message>(
  number: number,
  type: MessageType<Message>,
): Field<Message | undefined> {
  const tag = delimited(number);
  return {
    tag,
    absent: () => undefined,
    read: (reader, before) => readMessage(reader, type, before ?? type.create()),
    size: (value) => (value === undefined ? 0 : messageSize(type, value)),
    write: (target, at, value) =>
      value === undefined ? at : writeMessage(target, at, tag, type, value),
  };
}

/** A field that is a list of messages. */
export function messageList<Message>(number: number, type: MessageType<Message>): Field<Message[]> {
  const tag = delimited(number);
  return {
    tag,
    absent: () => [],
    read(reader, before) {
      before.push(readMessage(reader, type, type.create()));
      return before;
    },
    size: (values) => values.reduce((sum, value) => sum + messageSize(type, value), 0),
    write: (target, at, values) =>
      values.reduce((end, value) => writeMessage(target, end, tag, type, value), at),
  };
}

/** Reads the length-delimited message that follows into `message`, and returns `message`. */
export function readMessage<Message>(
  reader: Reader,
  type: MessageType<Message>,
  message: Message,
): Message {
  const outer = reader.enter();
  type.read(reader, message);
  reader.leave(outer);
  return message;
}

function messageSize<Message>(type: MessageType<Message>, value: Message): number {
  const size = type.size(value);
  return 1 + varintSize(size) + size;
}

function writeMessage<Message>(
  target: Buffer,
  at: number,
  tag: number,
  type: MessageType<Message>,
  value: Message,
): number {
  target[at] = tag;
  return type.write(value, target, writeVarint(target, at + 1, type.size(value)));
}
