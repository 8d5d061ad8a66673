export { troubleWithUrl, urlRemedy } from '#shared/public-url.ts'
