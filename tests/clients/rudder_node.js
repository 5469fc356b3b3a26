// node rudder_node.js HOST WRITE_KEY N: N events through @rudderstack/rudder-sdk-node, paced, until all are delivered.
const RudderAnalytics = require('@rudderstack/rudder-sdk-node');

const [host, writeKey, count] = process.argv.slice(2);
let failed = 0;
let delivered = 0;
const client = new RudderAnalytics(writeKey, {
  dataPlaneUrl: host,
  flushAt: 50,
  flushInterval: 200,
  retryCount: 12,
  logLevel: 'silly',
  errorHandler: () => { failed += 1; },
});
client.logger = { error() {}, info() {}, debug() {}, silly() {}, warn() {} };

async function main() {
  const total = Number(count);
  for (let n = 0; n < total; n += 1) {
    client.track({ event: 'rudder_node', anonymousId: `rudder-${n % 40}`, properties: { n } }, (error) => {
      if (!error) delivered += 1;
    });
    if (n % 100 === 99) await new Promise((go) => setTimeout(go, 60));
  }
  const until = Date.now() + 120000;
  while (delivered < total && !failed && Date.now() < until) {
    await client.flush().catch(() => { failed += 1; });
    await new Promise((go) => setTimeout(go, 20));
  }
  process.exit(failed || delivered < total ? 1 : 0);
}
main();
