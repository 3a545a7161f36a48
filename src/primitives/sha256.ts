/** SHA-256 of one message, by the platform's own code where there is some (`#sha256` in package.json picks the file). */
export { sha256, sha256Into, sha256Provider } from '#sha256'
