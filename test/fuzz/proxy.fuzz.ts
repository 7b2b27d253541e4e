import { fuzz } from './fuzz.js';
import { proxy } from './serve/proxy.js';

fuzz(proxy);
