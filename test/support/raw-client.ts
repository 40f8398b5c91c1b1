import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** A NATS client of bare text, for what a well-behaved one would not send. */
export class RawClient {
  onData: (text: string) => void = () => undefined;
  readonly #socket: Socket;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('error', () => undefined);
    socket.setEncoding('latin1').on('data', (text: string) => {
      if (text.includes('PING\r\n')) socket.write('PONG\r\n');
      this.onData(text);
    });
  }

  static async connect(port: number): Promise<RawClient> {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    const client = new RawClient(socket);
    client.send('CONNECT {"verbose":false,"headers":true}\r\n');
    return client;
  }

  send(text: string): void {
    this.#socket.write(Buffer.from(text, 'latin1'));
  }

  /** Publishes with a header line as given, well-formed or not. */
  publish(subject: string, header: string, data: string): void {
    const headers = `NATS/1.0\r\n${header}\r\n\r\n`;
    const total = headers.length + data.length;
    this.send(`HPUB ${subject} ${headers.length} ${total}\r\n${headers}${data}\r\n`);
  }

  close(): void {
    this.#socket.destroy();
  }
}
