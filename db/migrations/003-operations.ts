import { Migration } from '@mikro-orm/migrations'

/** What whoever runs NovaCron wants to know and to bound: how calls to clouds went, and how many requests are made. */
export class Operations extends Migration {
  override up(): void {
    this.addSql(`
      create table cloud_calls (
        tenant_id text not null,
        provider_id text not null,
        worker_id text not null,
        minute timestamptz(3) not null,
        last_call_at timestamptz(3) not null,
        calls int not null,
        faults int not null,
        throttled int not null,
        paced_per_second double precision null,
        operations jsonb not null,
        primary key (tenant_id, provider_id, worker_id, minute)
      );

      create table cloud_call_totals (
        tenant_id text not null,
        provider_id text not null,
        operations jsonb not null,
        primary key (tenant_id, provider_id)
      );

      create table rate_buckets (
        id text not null,
        level double precision not null,
        per_second double precision not null,
        at timestamptz(3) not null,
        primary key (id)
      );
    `)
  }
}
