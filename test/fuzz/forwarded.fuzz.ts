import { fuzz } from './fuzz.js';
import { forwarded } from './serve/forwarded.js';

fuzz(forwarded);
