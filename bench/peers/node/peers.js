// The jobs of the bench with dcmjs: `node peers.js [--timed] JOB SOURCE TARGET`.
//
// With `--timed` the job runs twice. Printed are the user seconds of the second run, and how many data sets failed.
// The exit code is 127 if dcmjs is not installed, as a shell's is for a missing program.

const fs = require("fs");
const path = require("path");

let dcmjs;
try {
  dcmjs = require("dcmjs");
} catch {
  process.exit(127);
}
dcmjs.log.setLevel("silent");
const { DicomDict, DicomMessage, DicomMetaDictionary } = dcmjs.data;

const META = { "00020010": { vr: "UI", Value: ["1.2.840.10008.1.2.1"] } };

// dcmjs keeps each value as read beside it, and JSON.stringify writes an ArrayBuffer as {}.
function replace(key, value) {
  if (key === "_rawValue") return undefined;
  return value instanceof ArrayBuffer ? Buffer.from(value).toString("base64") : value;
}

function toText(source) {
  const data = fs.readFileSync(source);
  const bytes = data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength);
  return JSON.stringify(DicomMessage.readFile(bytes).dict, replace);
}

const JOBS = {
  // Read each line of NDJSON into an object.
  read(source) {
    let failures = 0;
    for (const line of fs.readFileSync(source, "utf8").split("\n")) {
      try {
        DicomMetaDictionary.naturalizeDataset(JSON.parse(line));
      } catch {
        failures += 1;
      }
    }
    return failures;
  },
  "to-json"(source, target) {
    fs.writeFileSync(target, toText(source));
    return 0;
  },
  // Write each file of a list, which has a path in each line, as a line of NDJSON.
  "to-lines"(source, target) {
    const file = fs.openSync(target, "w");
    let failures = 0;
    for (const path of fs.readFileSync(source, "utf8").split("\n")) {
      try {
        fs.writeSync(file, toText(path) + "\n");
      } catch {
        failures += 1;
      }
    }
    return failures;
  },
  "to-dicom"(source, target) {
    const file = new DicomDict(META);
    file.dict = JSON.parse(fs.readFileSync(source, "utf8"));
    fs.writeFileSync(target, Buffer.from(file.write()));
    return 0;
  },
  // Write all files of a folder as one array.
  export(source, target) {
    const names = fs.readdirSync(source, { recursive: true }).sort();
    const files = names.map((name) => path.join(source, name)).filter((name) => fs.statSync(name).isFile());
    const file = fs.openSync(target, "w");
    files.forEach((name, number) => fs.writeSync(file, (number ? "," : "[") + toText(name)));
    fs.writeSync(file, "]");
    return 0;
  },
};

const isTimed = process.argv[2] === "--timed";
const [name, source, target] = process.argv.slice(isTimed ? 3 : 2);
if (isTimed) JOBS[name](source, target);
const start = process.cpuUsage().user;
const failures = JOBS[name](source, target);
if (isTimed) console.log((process.cpuUsage().user - start) / 1e6, failures);
