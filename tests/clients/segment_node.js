// node segment_node.js HOST WRITE_KEY N: N events through @segment/analytics-node, paced, until all are delivered.
const { Analytics } = require('@segment/analytics-node');

const [host, writeKey, count] = process.argv.slice(2);
const analytics = new Analytics({ writeKey, host, flushAt: 50, flushInterval: 200, maxRetries: 100 });
let failed = 0;
analytics.on('error', () => { failed += 1; });

async function main() {
  for (let n = 0; n < Number(count); n += 1) {
    analytics.track({ event: 'segment_node', anonymousId: `node-${n % 40}`, properties: { n } });
    if (n % 100 === 99) await new Promise((go) => setTimeout(go, 60));
  }
  await analytics.closeAndFlush({ timeout: 120000 });
  process.exit(failed ? 1 : 0);
}
main();
