export * from '#shared/xml.ts'
