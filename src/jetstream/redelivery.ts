/** Delays for a consumer that has neither backOff nor ackWait set. Unit: milliseconds. */
const gentle = [0, 1_000, 5_000, 15_000, 30_000];

/**
 * How long the server shall wait before it delivers a refused message again.
 *
 * The server ignores the consumer's own backOff for a nak, so the delay travels with the nak.
 *
 * @param deliveryCount how often the message was delivered by now, from 1
 * @returns milliseconds: backOff by count (its last entry from there on), else ackWait (as the
 *   built-in component does), else growing steps, so that a poison message does not spin
 */
export function nakDelay(
  deliveryCount: number,
  { backOff, ackWait }: { backOff?: readonly number[]; ackWait?: number },
): number {
  if (backOff?.length) return atCount(backOff, deliveryCount);
  return ackWait ?? atCount(gentle, deliveryCount);
}

function atCount(delays: readonly number[], deliveryCount: number): number {
  return delays[Math.min(deliveryCount, delays.length) - 1] ?? 0;
}
