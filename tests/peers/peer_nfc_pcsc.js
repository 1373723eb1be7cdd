// npm's nfc-pcsc on whatever reader the PC/SC service has: one job on the first tag that it shows.
//
// stdin: {"write": [page, hex] or null, "read": [page, bytes], "aid": hex or null, "send": [hex, ...]};
// stdout: {"reader": name, "uid": hex, "standard": text, "read": hex, "answers": [hex, ...]}. A Type 4 tag is selected
// by its AID and then sent the commands; of others pages are written and read. Any error ends it with its text.

const { readFileSync } = require('fs');
const { NFC } = require('nfc-pcsc');

const job = JSON.parse(readFileSync(0));
const nfc = new NFC();

function fail(error) {
	console.error(`${error.name} ${error.code} ${error.message}`);
	process.exit(1);
}

async function work(reader, card) {
	const told = { reader: reader.name, uid: card.uid, standard: card.standard, answers: [] };
	if (job.write) await reader.write(job.write[0], Buffer.from(job.write[1], 'hex'));
	if (job.read) told.read = (await reader.read(job.read[0], job.read[1])).toString('hex');
	for (const command of job.send) {
		told.answers.push((await reader.transmit(Buffer.from(command, 'hex'), 300)).toString('hex'));
	}
	return told;
}

nfc.on('error', fail);
nfc.on('reader', (reader) => {
	if (job.aid) reader.aid = job.aid;
	reader.on('error', fail);
	reader.on('card', (card) => work(reader, card).then((told) => {
		process.stdout.write(JSON.stringify(told), () => process.exit(0));
	}, fail));
});
