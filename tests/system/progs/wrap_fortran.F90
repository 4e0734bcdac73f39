! SPDX-License-Identifier: BSD-3-Clause
!
! wrap_fortran.F90 - one program for Fortran's three bindings, by how it is compiled: -DMPIF_H,
! -DUSE_MPI, -DUSE_MPI_F08. Each kind of call once; each rank prints what it has seen. A message to
! rank N of the N ranks is an error of the application's own handler, also where there is a spare.
module seen
    implicit none
    integer :: handled = 0
    logical :: of_world = .false.
end module

#ifdef USE_MPI_F08
subroutine handle(comm, code)
    use mpi_f08
    use seen
    type(MPI_Comm) :: comm
    integer :: code
    integer :: class, ierr
    call MPI_Error_class(code, class, ierr)
    if (class == MPI_ERR_RANK) handled = handled + 1
    of_world = comm == MPI_COMM_WORLD
end subroutine
#else
subroutine handle(comm, code)
#ifdef USE_MPI
    use mpi
    use seen
    implicit none
#else
    use seen
    implicit none
    include 'mpif.h'
#endif
    integer :: comm, code
    integer :: class, ierr
    call MPI_Error_class(code, class, ierr)
    if (class == MPI_ERR_RANK) handled = handled + 1
    of_world = comm == MPI_COMM_WORLD
end subroutine
#endif

program wrap_fortran
#ifdef USE_MPI_F08
    use mpi_f08
    use seen
    implicit none
    type(MPI_Comm) :: half, copy
    type(MPI_Request) :: requests(2), again
    type(MPI_Errhandler) :: handler
    type(MPI_Status) :: status
#else
#ifdef USE_MPI
    use mpi
    use seen
    implicit none
#else
    use seen
    implicit none
    include 'mpif.h'
#endif
    integer :: half, copy, requests(2), again, handler
    integer :: status(MPI_STATUS_SIZE)
#endif
    integer :: rank, ranks, next, before, got, total, ierr, i, source, failed, part
    logical :: flag
#ifdef USE_MPI_F08
    procedure(MPI_Comm_errhandler_function) :: handle
#else
    external :: handle
#endif

    call MPI_Init(ierr)
    call MPI_Comm_rank(MPI_COMM_WORLD, rank, ierr)
    call MPI_Comm_size(MPI_COMM_WORLD, ranks, ierr)
    next = modulo(rank + 1, ranks)
    before = modulo(rank - 1, ranks)

    ! messages
    call MPI_Sendrecv(rank, 1, MPI_INTEGER, next, 1, got, 1, MPI_INTEGER, before, 1, MPI_COMM_WORLD, status, ierr)
    call MPI_Irecv(got, 1, MPI_INTEGER, MPI_ANY_SOURCE, 2, MPI_COMM_WORLD, requests(1), ierr)
    call MPI_Isend(rank, 1, MPI_INTEGER, next, 2, MPI_COMM_WORLD, requests(2), ierr)
    call MPI_Waitall(2, requests, MPI_STATUSES_IGNORE, ierr)
    if (got /= before) print *, 'wrong'
    call MPI_Send_init(rank, 1, MPI_INTEGER, next, 3, MPI_COMM_WORLD, again, ierr)
    do i = 1, 3
        call MPI_Start(again, ierr)
        call MPI_Probe(before, 3, MPI_COMM_WORLD, status, ierr)
        call MPI_Recv(got, 1, MPI_INTEGER, MPI_ANY_SOURCE, 3, MPI_COMM_WORLD, status, ierr)
        call MPI_Wait(again, MPI_STATUS_IGNORE, ierr)
    end do
    call MPI_Request_free(again, ierr)
#ifdef USE_MPI_F08
    source = status%MPI_SOURCE
#else
    source = status(MPI_SOURCE)
#endif
    call MPI_Iprobe(MPI_ANY_SOURCE, 99, MPI_COMM_WORLD, flag, status, ierr)
    if (flag) print *, 'wrong'

    ! collectives and communicators
    call MPI_Barrier(MPI_COMM_WORLD, ierr)
    call MPI_Allreduce(rank, total, 1, MPI_INTEGER, MPI_SUM, MPI_COMM_WORLD, ierr)
    call MPI_Comm_dup(MPI_COMM_WORLD, copy, ierr)
    call MPI_Comm_split(copy, modulo(rank, 2), rank, half, ierr)
    call MPI_Comm_size(half, part, ierr)
    call MPI_Bcast(total, 1, MPI_INTEGER, 0, half, ierr)

    ! errors
    call MPI_Comm_create_errhandler(handle, handler, ierr)
    call MPI_Comm_set_errhandler(MPI_COMM_WORLD, handler, ierr)
    call MPI_Errhandler_free(handler, ierr)
    call MPI_Send(rank, 1, MPI_INTEGER, ranks, 4, MPI_COMM_WORLD, failed)
    call MPI_Comm_free(half, ierr)
    call MPI_Comm_free(copy, ierr)
    print '(A,I0,A,I0,A,I0,A,I0,A,I0,A,I0,A,L1,A,L1)', 'fortran: rank ', rank, ' of ', ranks, ' from ', source, &
        ' sum ', total, ' part ', part, ' handled ', handled, ' of the world ', of_world, ' error ', failed /= MPI_SUCCESS
    call MPI_Finalize(ierr)
end program
