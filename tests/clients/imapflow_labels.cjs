// What npm's imapflow hears of labels where a server has X-GM-EXT-1, as JSON on one line.
// Arguments: port, user, the file with the password, the authority's file.

const fs = require("fs");
const { ImapFlow } = require("imapflow");

const [port, user, passwordFile, authority] = process.argv.slice(2);

function connect() {
  return new ImapFlow({
    host: "localhost",
    port: Number(port),
    secure: true,
    tls: { ca: fs.readFileSync(authority) },
    auth: { user, pass: fs.readFileSync(passwordFile, "utf8") },
    logger: false,
  });
}

async function labels(client, since) {
  // By UID; with a mod-sequence of what has changed behind it alone.
  const found = {};
  const options = since === undefined ? {} : { changedSince: since };
  for await (const row of client.fetch("1:*", { uid: true, labels: true }, options)) {
    found[row.uid] = [...row.labels].sort();
  }
  return found;
}

async function highest(client) {
  const status = await client.status("INBOX", { highestModseq: true });
  return status.highestModseq;
}

async function main() {
  const told = {};
  const client = connect();
  const other = connect();
  await client.connect();
  await other.connect();
  await other.append("INBOX", "Subject: one\r\n\r\n");
  await other.append("INBOX", "Subject: two\r\n\r\n");
  await client.mailboxOpen("INBOX");
  told.before = await labels(client);
  told.stored = await client.messageFlagsAdd("1", ["Ärger", "\\Starred"], { useLabels: true });
  told.added = await labels(client);
  let since = await highest(other);
  await other.mailboxOpen("INBOX");
  await other.messageCopy("2", "Archive");
  await client.noop();
  told.copied = await labels(client, since);
  since = await highest(other);
  await other.mailboxOpen("Archive");
  await other.messageDelete("1");
  await client.noop();
  told.removed = await labels(client, since);
  told.nothing = await labels(client, await highest(other));
  await client.messageFlagsRemove("1", ["Ärger"], { useLabels: true });
  told.found = await client.search({ gmraw: "label:starred OR subject:two" }).catch(String);
  told.after = await labels(client);
  await client.logout();
  await other.logout();
  console.log(JSON.stringify(told));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
