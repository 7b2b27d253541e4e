import { fuzz } from './fuzz.js';
import { pdus } from './serve/pdus.js';

fuzz(pdus);
