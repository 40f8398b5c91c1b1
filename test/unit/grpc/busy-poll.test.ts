import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { BusyPoll } from '../../../src/grpc/busy-poll.ts';

/** Unit: milliseconds. */
let time = 1_000;
/** The callback that setImmediate was given last. */
let next: (() => void) | undefined;

beforeEach(() => {
  next = undefined;
  vi.spyOn(performance, 'now').mockImplementation(() => time);
  vi.stubGlobal('setImmediate', (turn: () => void) => {
    expect(next, 'one turn is planned at a time').toBeUndefined();
    next = turn;
  });
});

afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

function turn(): void {
  const run = next;
  next = undefined;
  run?.();
}

/** Turns the event loop for so long. */
function wait(milliseconds: number): void {
  const end = time + milliseconds;
  while (time < end - 1e-9) {
    time += 0.01;
    turn();
  }
}

/** Makes calls one after the other. Each comes `gap` milliseconds after the answer to the last one. */
function callInTurn(poll: BusyPoll, count: number, gap: number): void {
  for (let call = 0; call < count; call++) {
    wait(gap);
    poll.began();
    wait(0.1);
    poll.ended();
  }
}

const polls = () => next !== undefined;

test('it polls when the last eight calls came soon, and stops after 0.4 ms', () => {
  const poll = new BusyPoll(2);
  callInTurn(poll, 8, 0.6);
  expect(polls()).toBe(false);
  callInTurn(poll, 1, 0.6);
  expect(polls()).toBe(true);
  wait(0.35);
  expect(polls()).toBe(true);
  wait(0.1);
  expect(polls()).toBe(false);
});

test('it does not poll while a call is open', () => {
  const poll = new BusyPoll(2);
  callInTurn(poll, 20, 0.2);
  expect(polls()).toBe(true);
  poll.began();
  turn();
  expect(polls()).toBe(false);
  poll.ended();
  expect(polls()).toBe(true);
});

test('it does not poll for calls that come at a distance, and gives up when they become late', () => {
  const poll = new BusyPoll(2);
  callInTurn(poll, 50, 1);
  expect(polls()).toBe(false);
  callInTurn(poll, 50, 0.2);
  callInTurn(poll, 4, 1);
  expect(polls()).toBe(true);
  callInTurn(poll, 1, 1);
  expect(polls()).toBe(false);
});

test('it goes on when a few calls are late', () => {
  const poll = new BusyPoll(2);
  callInTurn(poll, 20, 0.2);
  for (let round = 0; round < 20; round++) {
    callInTurn(poll, 1, 1);
    callInTurn(poll, 3, 0.2);
  }
  expect(polls()).toBe(true);
});

test.each([
  [1, true],
  [2, true],
  [3, false],
])('with %d calls at a time: %s', (calls, expected) => {
  const poll = new BusyPoll(2);
  for (let round = 0; round < 20; round++) {
    wait(0.2);
    for (let call = 0; call < calls; call++) poll.began();
    for (let call = 0; call < calls; call++) poll.ended();
  }
  expect(polls()).toBe(expected);
});

test('more calls at a time end the polling that is under way', () => {
  const poll = new BusyPoll(2);
  callInTurn(poll, 20, 0.2);
  expect(polls()).toBe(true);
  for (let call = 0; call < 3; call++) poll.began();
  for (let call = 0; call < 3; call++) poll.ended();
  turn();
  expect(polls()).toBe(false);
});

test('it never polls where there is one CPU', () => {
  const poll = new BusyPoll(1);
  callInTurn(poll, 50, 0.2);
  expect(polls()).toBe(false);
});
