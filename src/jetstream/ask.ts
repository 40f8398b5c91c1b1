/** Between two requests for the same. Unit: milliseconds. */
const interval = 1_000;

/**
 * Asks JetStream's API for something that asking does not change, and asks again each second: a
 * request that finds no leader is never answered. The first answer counts, an error too; without
 * any it is the first call's own limit that ends it.
 */
export function ask<Value>(call: () => Promise<Value>): Promise<Value> {
  return new Promise((resolve, reject) => {
    const once = () => {
      call()
        .then(resolve, reject)
        .finally(() => clearInterval(timer));
    };
    const timer = setInterval(once, interval);
    once();
  });
}
