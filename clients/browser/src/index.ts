export { newest, opened, type Bundle, type Manifest } from "./bundle.ts";
export { Catalogue, type Item } from "./catalogue.ts";
export { Device, type Moved, type Options, type Ranked } from "./device.ts";
export { DeviceError, RefusedError } from "./errors.ts";
export { Gate } from "./gate.ts";
export { learn, type Lesson } from "./learn.ts";
export { Model, type Labelled, type Rows } from "./model.ts";
export { Store, type Shown } from "./store.ts";
export { enrolment, erasure, packed, type Upload } from "./upload.ts";
