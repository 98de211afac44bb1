// A page that uses a DICOMweb server as viewers do: dicomweb-client, dcmjs and Cornerstone with their defaults.
import { imageLoader } from '@cornerstonejs/core';
import { init, wadors } from '@cornerstonejs/dicom-image-loader';
import dcmjs from 'dcmjs';
import { api } from 'dicomweb-client';

init({ maxWebWorkers: 1, wasmBasePath: '/wasm' });

const client = (url, headers = {}) => new api.DICOMwebClient({ url, headers });
const naturalize = (metadata) => dcmjs.data.DicomMetaDictionary.naturalizeDataset(metadata);

function base64(data) {
  const bytes = ArrayBuffer.isView(data)
    ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    : new Uint8Array(data);
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}

const bytes = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0)).buffer;

/** Return the result of a promise, or the status of its error. */
const attempt = (promise) => promise.then((result) => result, (error) => ({ status: error.status ?? String(error) }));

globalThis.viewer = {
  /** Return the studies, series and instances of a patient, with the names of dcmjs. */
  async search(url, patient, headers) {
    const server = client(url, headers);
    const [studies, series, instances] = await Promise.all([
      server.searchForStudies({ queryParams: { PatientID: patient } }),
      server.searchForSeries({ queryParams: { PatientID: patient } }),
      server.searchForInstances({ queryParams: { PatientID: patient, limit: 10, offset: 0 } }),
    ]);
    return [studies, series, instances].map((found) => found.map(naturalize));
  },

  /** Return metadata of a study, a series and an instance, with the names of dcmjs. */
  async metadata(url, uids) {
    const server = client(url);
    const found = await Promise.all([
      server.retrieveStudyMetadata(uids),
      server.retrieveSeriesMetadata(uids),
      server.retrieveInstanceMetadata(uids),
    ]);
    return found.map(([metadata]) => naturalize(metadata));
  },

  /** Return an instance, its frames and its pixel data by reference; or the status of each refusal. */
  async retrieve(url, uids, frameNumbers) {
    const server = client(url);
    const [metadata] = await server.retrieveInstanceMetadata(uids);
    const BulkDataURI = metadata['7FE00010'].BulkDataURI;
    const found = {
      instance: attempt(server.retrieveInstance(uids).then(base64)),
      series: attempt(server.retrieveSeries(uids).then((parts) => parts.map(base64))),
      frames: attempt(server.retrieveInstanceFrames({ ...uids, frameNumbers }).then((parts) => parts.map(base64))),
      value: attempt(server.retrieveBulkData({ BulkDataURI }).then((parts) => parts.map(base64))),
    };
    return Object.fromEntries(await Promise.all(Object.entries(found).map(async ([name, one]) => [name, await one])));
  },

  /** Return frames that Cornerstone has retrieved and decoded. */
  async decode(url, frames) {
    const found = [];
    for (const [uids, number] of frames) {
      const [metadata] = await client(url).retrieveInstanceMetadata(uids);
      const { studyInstanceUID: study, seriesInstanceUID: series, sopInstanceUID: instance } = uids;
      const id = `wadors:${url}/studies/${study}/series/${series}/instances/${instance}/frames/`;
      wadors.metaDataManager.add(`${id}1`, metadata);
      const image = await imageLoader.loadImage(`${id}${number}`, { preScale: { enabled: false } });
      const pixels = image.getPixelData();
      const { transferSyntaxUID: syntax, height, width } = image;
      found.push({ syntax, height, width, type: pixels.constructor.name, pixels: base64(pixels) });
    }
    return found;
  },

  /** Read an instance with dcmjs, give it another UID and comments, and store it. */
  async store(url, file, uid, comments, headers) {
    const read = dcmjs.data.DicomMessage.readFile(bytes(file));
    const dataset = naturalize(read.dict);
    dataset.SOPInstanceUID = uid;
    dataset.PatientComments = comments;
    read.dict = dcmjs.data.DicomMetaDictionary.denaturalizeDataset(dataset);
    read.meta['00020003'].Value = [uid];
    return attempt(client(url, headers).storeInstances({ datasets: [read.write()] }));
  },

  /** Try to read and to store, with and without a preflight request; return what the page has learned. */
  async attack(url, file) {
    const learned = (promise) => promise.then((response) => response.type, (error) => error.name);
    const body = new Blob([bytes(file)]);
    return {
      search: await learned(fetch(`${url}/studies`)),
      store: await learned(fetch(`${url}/studies`, { method: 'POST', body, headers: { 'Content-Type': 'application/dicom' } })),
      blind: await learned(fetch(`${url}/studies`, { method: 'POST', body, mode: 'no-cors' })),
    };
  },
};
