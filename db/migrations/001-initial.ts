import { Migration } from '@mikro-orm/migrations'

/** The first schema. */
export class Initial extends Migration {
  override up(): void {
    this.addSql(`
      create table credentials (
        tenant_id text not null,
        id text not null,
        key_id text not null,
        sealed bytea not null,
        version int not null default 1,
        updated_at timestamptz(3) not null default now(),
        primary key (tenant_id, id)
      );

      create table disk_transfers (
        id text not null,
        size_bytes bigint not null,
        chunk_bytes int not null,
        created_at timestamptz(3) not null default now(),
        primary key (id)
      );

      create table copied_chunks (
        transfer_id text not null,
        chunk int not null,
        sha256 bytea null,
        primary key (transfer_id, chunk)
      );

      create table idempotency_keys (
        tenant_id text not null,
        key text not null,
        request_hash text not null,
        status int not null,
        response jsonb not null,
        created_at timestamptz(3) not null default now(),
        primary key (tenant_id, key)
      );

      create table jobs (
        id text not null,
        tenant_id text not null,
        kind text not null,
        chain_version int not null,
        generation int not null default 1,
        state text not null,
        subject text null,
        internal boolean not null default false,
        input jsonb not null,
        vars jsonb not null,
        output jsonb null,
        problem jsonb null,
        residue jsonb not null,
        warnings jsonb not null,
        progress double precision not null default 0,
        eta timestamptz(3) null,
        priority int not null default 0,
        requested_by text null,
        deadline timestamptz(3) null,
        cancel_requested_at timestamptz(3) null,
        cancel_reason text null,
        event_seq bigint not null default '0',
        created_at timestamptz(3) not null default now(),
        started_at timestamptz(3) null,
        finished_at timestamptz(3) null,
        updated_at timestamptz(3) not null default now(),
        primary key (id)
      );
      create index jobs_listing on jobs (tenant_id, created_at, id);
      create index jobs_subject on jobs (tenant_id, subject);

      create table job_events (
        job_id text not null,
        seq bigint not null,
        type text not null,
        data jsonb not null,
        at timestamptz(3) not null default clock_timestamp(),
        primary key (job_id, seq)
      );

      create table job_steps (
        job_id text not null,
        direction text not null,
        position int not null,
        name text not null,
        queue text not null,
        state text not null,
        epoch int not null default 1,
        fence int not null default 0,
        holder text null,
        lease_until timestamptz(3) null,
        attempts int not null default 0,
        not_before timestamptz(3) null,
        outputs jsonb null,
        checkpoint jsonb null,
        progress_done double precision not null default 0,
        progress_total double precision not null default 0,
        detail text null,
        problem jsonb null,
        created_at timestamptz(3) not null default now(),
        started_at timestamptz(3) null,
        finished_at timestamptz(3) null,
        updated_at timestamptz(3) not null default now(),
        primary key (job_id, direction, position)
      );
      create index job_steps_running on job_steps (lease_until) where state = 'running';
      create index job_steps_queued on job_steps (updated_at) where state = 'queued';

      create table migrations (
        id varchar(255) not null,
        tenant_id text not null,
        vm_id varchar(255) not null,
        source_provider varchar(255) not null,
        destination_provider varchar(255) not null,
        destination_region varchar(100) null,
        status varchar(50) not null,
        progress int not null default 0,
        job_id text not null,
        request jsonb not null,
        destination_vm_id varchar(255) null,
        metrics jsonb not null,
        started_at timestamptz(3) not null default now(),
        completed_at timestamptz(3) null,
        error_message text null,
        primary key (id)
      );
      create index migrations_listing on migrations (tenant_id, started_at, id);

      create table multicloud_vms (
        id varchar(255) not null,
        tenant_id text not null,
        provider_id varchar(255) not null,
        vm_id varchar(255) null,
        name varchar(255) not null,
        region varchar(100) not null,
        instance_type varchar(100) null,
        state varchar(50) not null,
        tags jsonb not null,
        observed jsonb not null,
        request jsonb null,
        deleted_at timestamptz(3) null,
        created_at timestamptz(3) not null default now(),
        updated_at timestamptz(3) not null default now(),
        primary key (id)
      );
      create index multicloud_vms_listing on multicloud_vms (tenant_id, created_at, id);
      alter table multicloud_vms add constraint multicloud_vms_cloud_id unique (tenant_id, provider_id, vm_id);

      create table outbox (
        id bigserial primary key,
        queue text not null,
        job_id text not null,
        direction text not null,
        position int not null,
        epoch int not null,
        name text not null,
        priority int not null default 0,
        not_before timestamptz(3) null,
        created_at timestamptz(3) not null default now()
      );

      create table tenants (
        id text not null,
        name text not null,
        created_at timestamptz(3) not null default now(),
        primary key (id)
      );

      create table cloud_providers (
        tenant_id text not null,
        id varchar(255) not null,
        name varchar(255) not null,
        type varchar(50) not null,
        config jsonb not null,
        health jsonb null,
        enabled boolean not null default true,
        version int not null default 1,
        created_at timestamptz(3) not null default now(),
        updated_at timestamptz(3) not null default now(),
        primary key (tenant_id, id)
      );

      create table webhooks (
        id text not null,
        tenant_id text not null,
        url text not null,
        events jsonb not null,
        description text null,
        enabled boolean not null default true,
        disabled_reason text null,
        version int not null default 1,
        created_at timestamptz(3) not null default now(),
        updated_at timestamptz(3) not null default now(),
        primary key (id)
      );
      create index webhooks_listing on webhooks (tenant_id, created_at, id);

      create table webhook_deliveries (
        id text not null,
        tenant_id text not null,
        webhook_id text not null,
        message_id text not null,
        type text not null,
        payload jsonb not null,
        state text not null,
        attempts int not null default 0,
        response_status int null,
        error text null,
        created_at timestamptz(3) not null default now(),
        delivered_at timestamptz(3) null,
        primary key (id)
      );
      create index webhook_deliveries_listing on webhook_deliveries (webhook_id, created_at, id);
      alter table copied_chunks add constraint copied_chunks_transfer_id_foreign foreign key (transfer_id) references disk_transfers (id) on delete cascade;
      alter table job_events add constraint job_events_job_id_foreign foreign key (job_id) references jobs (id) on delete cascade;
      alter table job_steps add constraint job_steps_job_id_foreign foreign key (job_id) references jobs (id) on delete cascade;
      alter table cloud_providers add constraint cloud_providers_tenant_id_foreign foreign key (tenant_id) references tenants (id);
      alter table webhook_deliveries add constraint webhook_deliveries_webhook_id_foreign foreign key (webhook_id) references webhooks (id) on delete cascade;
    `)
  }
}
