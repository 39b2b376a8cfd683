/*  Texts of scripts/deploy/nginx, compiled in. */

#ifndef MS_EMBEDDED_TEXTS_H
#define MS_EMBEDDED_TEXTS_H

extern const char text_nginx_conf[];
extern const char text_status_html[];

#endif
