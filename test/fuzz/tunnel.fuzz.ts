import { fuzz } from './fuzz.js';
import { tunnel } from './stages.js';

fuzz(tunnel);
