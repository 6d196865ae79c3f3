// Configurations of HAProxy and nginx, modelled on published ones, for tests of `bal import`.

export const HAPROXY: readonly string[] = [
  `global
  log /dev/log local0
  maxconn 20000
  nbthread 4
  daemon
  stats socket /run/haproxy/admin.sock mode 660 level admin
  hard-stop-after 2m
defaults
  mode tcp
  log global
  option tcplog
  timeout connect 5s
  timeout client 1m
  timeout server 2m
  timeout check 3s
  retries 3
resolvers dns
  nameserver a 10.0.0.2:53
  hold valid 10s
frontend stats
  mode http
  bind 127.0.0.1:8404
  stats enable
frontend tls
  bind :443
  bind [::]:443 v6only
  maxconn 5000
  tcp-request inspect-delay 5s
  tcp-request content accept if { req_ssl_hello_type 1 }
  acl www req_ssl_sni -i www.example.com example.com
  use_backend www if www
  use_backend api if { req.ssl_sni -m end .api.example.com }
  use_backend h2 if { req.ssl_alpn h2 }
  default_backend rest
backend www
  balance leastconn
  server a 10.0.0.1:8443 check weight 10 maxconn 100 send-proxy-v2
  server b 10.0.0.2:8443 check weight 5 maxconn 50 send-proxy-v2 backup
backend h2
  server a 10.0.0.5:443 check
backend api
  balance source
  hash-type consistent
  option httpchk GET /health HTTP/1.1\\r\\nHost:\\ api.example.com
  http-check expect status 200-299
  default-server inter 3s fall 2 rise 3 check check-ssl verify none port 9443
  server-template api 5 api.internal:443 resolvers dns
  server x 10.0.9.9:443 disabled
backend rest
  server c 10.0.0.9:443
listen redis
  bind 127.0.0.1:6379,unix@/run/r.sock mode 600
  option tcp-check
  tcp-check connect
  tcp-check send PING\\r\\n
  tcp-check expect string +PONG
  timeout tunnel 1h
  timeout client-fin 30s
  stick-table type ip size 100k expire 30s store conn_cur,conn_rate(10s)
  tcp-request connection track-sc0 src
  tcp-request connection reject if { sc0_conn_cur gt 20 }
  tcp-request connection reject if { sc0_conn_rate gt 100 }
  server r1 10.0.1.1:6379 check on-marked-down shutdown-sessions slowstart 10s
  server r2 unix@/run/redis.sock check
`,
  `defaults base
  mode tcp
  timeout client 30s
defaults more from base
  timeout server 40s
  balance leastconn
listen old from base
  bind 10.0.0.1:5432 interface eth0 backlog 500 accept-proxy
  tcp-request connection accept if { src 10.1.0.0/16 }
  tcp-request connection reject if { src 10.0.0.0/255.0.0.0 }
  source 10.0.0.1
  server p1 10.0.2.1:5432 check inter 2s downinter 500ms
  server p2 10.0.2.2:5432 check inter 2s downinter 500ms backup
listen ranges from more
  bind :7000-7002
  server plain 10.0.5.5
  server more 10.0.5.6:+1000
defaults
  mode tcp
  timeout client 1m
listen web
  mode http
  bind :80
  server w 10.0.0.1:80
listen ends
  bind :8883 ssl crt /etc/x.pem
  server m 10.0.0.1:1883
listen begins
  bind :8884
  server m 10.0.0.1:1883 ssl verify none
.if defined(NEVER)
listen never
  bind :1
.else
listen ever
  bind :9000
  option pgsql-check user bal
  server s 10.0.0.3:5432 check
.endif
frontend ports
  bind :1111
  bind :2222
  use_backend one if { dst_port 1111 }
  default_backend two
backend one
  server s 10.0.0.1:1
backend two
  stick-table type ip size 1m expire 1h
  stick on src
  server s 10.0.0.2:2
  server t 10.0.0.2:2
backend nobody
  server s 10.0.0.4:4
peers them
  peer a 10.0.0.1:1024
`,
];

export const NGINX: readonly string[] = [
  `worker_processes 2;
events { worker_connections 1024; }
stream {
    log_format basic '$remote_addr $status';
    limit_conn_zone $binary_remote_addr zone=addr:10m;
    map $ssl_preread_server_name $name {
        hostnames;
        default rest;
        www.example.com www;
        .example.org org;
        *.api.example.com api;
        ~^old\\.example\\.com$ www;
    }
    upstream www {
        least_conn;
        zone www 64k;
        server 10.0.0.1:443 weight=5 max_fails=2 fail_timeout=30s;
        server 10.0.0.2:443 backup max_conns=100;
        server 10.0.0.3:443 down;
    }
    upstream org { hash $remote_addr consistent; server 10.0.1.1:443; server 10.0.1.2:443; }
    upstream api { random two; server api.internal:443 resolve; resolver 10.0.0.2 valid=10s; }
    upstream rest { server [2001:db8::1]:443; server unix:/run/rest.sock; }
    upstream unused { server 10.0.0.9:1; }
    server {
        listen 443 backlog=500;
        listen [::]:443;
        ssl_preread on;
        preread_timeout 3s;
        proxy_pass $name;
        proxy_protocol on;
        access_log /var/log/nginx/tcp.log basic;
    }
    server {
        listen 127.0.0.1:5432 so_keepalive=30m::10;
        listen unix:/run/pg.sock;
        proxy_pass 10.0.2.1:5432;
        proxy_connect_timeout 2s;
        proxy_timeout 1h30m;
        proxy_bind 127.0.0.1;
        proxy_next_upstream off;
        limit_conn addr 10;
        allow 10.0.0.1;
        deny 10.0.0.0/8;
        allow all;
    }
    server { listen 53 udp; proxy_pass 10.0.0.53:53; }
    server { listen 8883 ssl; proxy_pass 10.0.0.1:1883; ssl_certificate x.pem; }
    server { listen 8884; proxy_pass 10.0.0.1:8883; proxy_ssl on; }
    server { listen 7; return "hello"; }
    server {
        listen 8000-8002 proxy_protocol;
        set_real_ip_from 10.0.0.0/8;
        proxy_pass backend.internal:80;
        proxy_download_rate 1m;
    }
}
http { server { listen 80; location / { proxy_pass http://x; } } }
`,
  `upstream db {
    server 10.0.0.1:3306 weight=1000;
    server 10.0.0.2:3306 weight=500;
}
server {
    listen 3306;
    proxy_pass db;
    health_check interval=10 fails=3 passes=2 port=8008;
}
`,
];
