// What npm's imapflow does with a mailbox, told as JSON on one line.
// Arguments: port, user, the file with the password, the authority's file.

const fs = require("fs");
const { ImapFlow } = require("imapflow");

const [port, user, passwordFile, authority] = process.argv.slice(2);
const BOX = "imapflow/Entwürfe";
const MESSAGE = Buffer.from(
  [
    "From: Ann <ann@example.org>",
    "To: Bob <bob@example.org>",
    "Subject: =?utf-8?q?gr=C3=BC=C3=9Fe?=",
    "Message-ID: <flow@example.org>",
    "MIME-Version: 1.0",
    "Content-Type: multipart/mixed; boundary=b",
    "",
    "--b",
    "Content-Type: text/plain; charset=utf-8",
    "",
    "hello",
    "--b",
    "Content-Type: application/octet-stream; name=x.bin",
    "Content-Transfer-Encoding: base64",
    "",
    "AAECAwQ=",
    "--b--",
    "",
  ].join("\r\n"),
);

function connect() {
  return new ImapFlow({
    host: "localhost",
    port: Number(port),
    secure: true,
    tls: { ca: fs.readFileSync(authority) },
    auth: { user, pass: fs.readFileSync(passwordFile, "utf8") },
    logger: false,
    qresync: true,
  });
}

async function read(stream) {
  const pieces = [];
  for await (const piece of stream) {
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

async function main() {
  const told = {};
  const client = connect();
  await client.connect();
  told.enabled = [...client.enabled].sort();
  told.compressed = Boolean(client._inflate);
  told.capabilities = [...client.capabilities.keys()];
  await client.mailboxCreate(BOX);
  const appended = await client.append(BOX, MESSAGE, ["\\Seen", "$flow"]);
  await client.append(BOX, "Subject: two\r\n\r\nsecond\r\n");
  told.uid = appended.uid;
  const lock = await client.getMailboxLock(BOX);
  try {
    told.path = client.mailbox.path;
    told.exists = client.mailbox.exists;
    told.modseq = String(client.mailbox.highestModseq > 0n);
    const one = await client.fetchOne(
      "1",
      { uid: true, flags: true, envelope: true, bodyStructure: true, size: true,
        source: true, threadId: true, internalDate: true, headers: ["subject"] },
    );
    told.subject = one.envelope.subject;
    told.flags = [...one.flags].filter((flag) => flag !== "\\Recent").sort();
    told.size = one.size;
    told.source = one.source.equals(MESSAGE);
    told.parts = one.bodyStructure.childNodes.map((part) => part.type);
    told.emailId = Boolean(one.emailId);
    told.threadId = Boolean(one.threadId);
    const part = await client.download("1", "2");
    told.part = [...(await read(part.content))];
    const whole = await client.download("1");
    told.download = (await read(whole.content)).equals(MESSAGE);
    told.found = await client.search({ subject: "grüße" });
    told.unseen = await client.search({ seen: false }, { uid: true });
    await client.messageFlagsAdd("2", ["\\Flagged"]);
    told.flagged = await client.search({ flagged: true });
    const changed = [];
    for await (const row of client.fetch("1:*", { flags: true },
      { changedSince: client.mailbox.highestModseq - 1n })) {
      changed.push(row.seq);
    }
    told.changed = changed.length > 0;
    told.copied = (await client.messageCopy("1:*", "INBOX")).uidMap.size;
    told.moved = (await client.messageMove("2", "Trash")).uidMap.size;
    await client.messageDelete("1");
    told.left = client.mailbox.exists;
  } finally {
    lock.release();
  }
  const status = await client.status("INBOX", { messages: true, unseen: true, highestModseq: true });
  told.inbox = status.messages;
  const names = await client.list({ statusQuery: { messages: true } });
  told.special = names.filter((name) => name.specialUse).map((name) => name.specialUse).sort();
  told.listed = names.some((name) => name.path === BOX && name.status.messages === 0);
  told.idle = await idle(client);
  await client.mailboxRename(BOX, "imapflow/new");
  await client.mailboxDelete("imapflow/new");
  await client.logout();
  console.log(JSON.stringify(told));
}

async function idle(client) {
  // One connection waits in IDLE, another one appends.
  await client.mailboxOpen("INBOX");
  const news = new Promise((resolve) => client.once("exists", (event) => resolve(event.count > event.prevCount)));
  const idling = client.idle();
  const other = connect();
  await other.connect();
  await other.append("INBOX", "Subject: news\r\n\r\n");
  await other.logout();
  const found = await news;
  await client.noop();
  await idling;
  return found;
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
