import { Migration } from '@mikro-orm/migrations'

/** What tenants have in their clouds beside VMs, and what was last read from the clouds. */
export class Resources extends Migration {
  override up(): void {
    this.addSql(`
      create table cloud_resources (
        id text not null,
        tenant_id text not null,
        provider_id text not null,
        kind text not null,
        cloud_id text null,
        region text not null,
        name text not null,
        state text not null,
        tags jsonb not null,
        observed jsonb not null,
        request jsonb null,
        version int not null default 1,
        found boolean not null default false,
        created_at timestamptz(3) not null default now(),
        updated_at timestamptz(3) not null default now(),
        deleted_at timestamptz(3) null,
        primary key (id)
      );
      create index cloud_resources_listing on cloud_resources (tenant_id, kind, created_at, id);
      create unique index cloud_resources_cloud_id on cloud_resources (tenant_id, provider_id, kind, region, cloud_id)
        where deleted_at is null;

      create table cloud_readings (
        tenant_id text not null,
        id text not null,
        provider_id text not null,
        facet text not null,
        subject text not null,
        query jsonb not null,
        result jsonb not null,
        observed_at timestamptz(3) not null,
        primary key (tenant_id, id)
      );
      create index cloud_readings_provider on cloud_readings (tenant_id, provider_id, facet);
      create index cloud_readings_age on cloud_readings (observed_at);

      alter table multicloud_vms add column version int not null default 1;
      alter table multicloud_vms add column found boolean not null default false;
    `)
  }
}
